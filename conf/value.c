// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One setting of the file to one value, by the type of its key. The one idea: a type is a function
 * in a table, which checks everything that can be said of the value alone; what depends on other
 * keys is left to model.c. Called by group.c; any thread.
 */
#include "conf/value.h"
#include "conf/conf.h"
#include "sched/schedulers.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int reader_fault(const struct reader *reader, const config_setting_t *at, const char *fmt, ...)
{
	struct place place = source_place(reader->source, config_setting_source_line(at));
	char text[sizeof(reader->err->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *c = text; *c; c++) /* quoted from the file: must stay one line of text */
		if (iscntrl((unsigned char)*c))
			*c = '?';
	return error_set(reader->err, -EINVAL, "%s:%u: %s", place.file, place.line, text);
}

const char *value_wanted(const struct key *key)
{
	static const char *const wanted[] = {
		[KEY_BOOL] = "true or false",
		[KEY_NUMBER] = "an integer",
		[KEY_WORD] = "a string",
		[KEY_NAME] = "a string",
		[KEY_TEXT] = "a string",
		[KEY_SCHEDULER] = "a string",
		[KEY_ADDRESS] = "an address as a string",
		[KEY_ADDRESSES] = "an array of addresses as strings",
		[KEY_RANGE] = "a string",
		[KEY_MASK] = "a prefix length or a mask as a string",
		[KEY_PORTS] = "a string",
		[KEY_GROUP] = "a group { ... }",
		[KEY_LIST] = "a list of groups ( { ... }, ... )",
	};

	return wanted[key->type];
}

const char *value_got(const config_setting_t *at)
{
	switch (config_setting_type(at)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "an integer";
	case CONFIG_TYPE_FLOAT:
		return "a floating-point number";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "a boolean";
	case CONFIG_TYPE_GROUP:
		return "a group";
	case CONFIG_TYPE_LIST:
		return "a list";
	default: /* CONFIG_TYPE_ARRAY: libconfig's numbers, no enum */
		return "an array";
	}
}

static int fault_type(const struct reader *reader, const struct key *key,
		      const config_setting_t *at)
{
	return reader_fault(reader, at, "%s: wanted %s, got %s", key->name, value_wanted(key),
			    value_got(at));
}

static bool is_integer(const config_setting_t *at)
{
	return config_setting_type(at) == CONFIG_TYPE_INT ||
	       config_setting_type(at) == CONFIG_TYPE_INT64;
}

/* The string, or NULL with the error set. */
static const char *string_of(const struct reader *reader, const struct key *key,
			     const config_setting_t *at)
{
	const char *text = config_setting_get_string(at);

	if (!text)
		fault_type(reader, key, at);
	return text;
}

/* Puts @number into a value of key->size bytes. */
static void store(const struct key *key, void *value, uint32_t number)
{
	switch (key->size) {
	case sizeof(uint8_t):
		*(uint8_t *)value = (uint8_t)number;
		break;
	case sizeof(uint16_t):
		*(uint16_t *)value = (uint16_t)number;
		break;
	case sizeof(uint32_t):
		*(uint32_t *)value = number;
		break;
	default: /* 0: none is kept */
		break;
	}
}

static int read_bool(const struct reader *reader, const struct key *key, const config_setting_t *at,
		     void *value)
{
	if (config_setting_type(at) != CONFIG_TYPE_BOOL)
		return fault_type(reader, key, at);
	store(key, value, (uint32_t)config_setting_get_bool(at));
	return 0;
}

static int read_number(const struct reader *reader, const struct key *key,
		       const config_setting_t *at, void *value)
{
	long long number;

	if (!is_integer(at))
		return fault_type(reader, key, at);
	number = config_setting_get_int64(at);
	if (number < (long long)key->min || number > (long long)key->max)
		return reader_fault(reader, at, "%s: %lld is not in %u .. %u", key->name, number,
				    key->min, key->max);
	store(key, value, (uint32_t)number);
	return 0;
}

/* "tcp, udp" */
static void words_list(const struct key *key, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (const struct key_word *word = key->words; word->name && len < size; word++)
		len += (size_t)snprintf(text + len, size - len, "%s%s", len ? ", " : "",
					word->name);
}

static int read_word(const struct reader *reader, const struct key *key, const config_setting_t *at,
		     void *value)
{
	const char *text = string_of(reader, key, at);
	const struct key_word *word = key->words;
	char known[64];

	if (!text)
		return -EINVAL;
	while (word->name && strcasecmp(word->name, text))
		word++;
	words_list(key, known, sizeof(known));
	if (!word->name)
		return reader_fault(reader, at, "%s: '%s' is unknown (known: %s)", key->name, text,
				    known);
	store(key, value, word->value);
	return 0;
}

/* A string of key->size - 1 characters at most. */
static int read_string(const struct reader *reader, const struct key *key,
		       const config_setting_t *at, void *value, const char *text)
{
	if (!*text)
		return reader_fault(reader, at, "%s: is empty", key->name);
	if (strlen(text) >= key->size)
		return reader_fault(reader, at, "%s: longer than %zu characters", key->name,
				    key->size - 1);
	memcpy(value, text, strlen(text) + 1);
	return 0;
}

static int read_name(const struct reader *reader, const struct key *key, const config_setting_t *at,
		     void *value)
{
	const char *text = string_of(reader, key, at);

	if (!text)
		return -EINVAL;
	for (const char *c = text; *c; c++)
		if (!isalpha((unsigned char)*c) && *c != '_' &&
		    (c == text || (!isdigit((unsigned char)*c) && *c != '-' && *c != '.')))
			return reader_fault(
				reader, at,
				"%s: '%s' must be a letter or '_', then letters, digits, "
				"'_', '-' or '.'",
				key->name, text);
	return read_string(reader, key, at, value, text);
}

static int read_text(const struct reader *reader, const struct key *key, const config_setting_t *at,
		     void *value)
{
	const char *text = string_of(reader, key, at);

	if (!text)
		return -EINVAL;
	for (const char *c = text; *c; c++)
		if (!isprint((unsigned char)*c))
			return reader_fault(reader, at, "%s: only printable ASCII characters",
					    key->name);
	return read_string(reader, key, at, value, text);
}

static int read_scheduler(const struct reader *reader, const struct key *key,
			  const config_setting_t *at, void *value)
{
	const char *text = string_of(reader, key, at);

	if (!text)
		return -EINVAL;
	if (!scheduler_find(text))
		return reader_fault(reader, at, "%s: '%s' is unknown (known: %s)", key->name, text,
				    scheduler_names());
	return read_string(reader, key, at, value, text);
}

static int address_parse(const struct reader *reader, const struct key *key,
			 const config_setting_t *at, const char *text, uint8_t *af,
			 union addr *addr)
{
	if (addr_parse(text, af, addr))
		return reader_fault(reader, at, "%s: '%s' is not an IPv4 or IPv6 address",
				    key->name, text);
	if (!addr_is_unicast(*af, addr))
		return reader_fault(reader, at, "%s: %s is not a unicast address", key->name, text);
	return 0;
}

static int read_address(const struct reader *reader, const struct key *key,
			const config_setting_t *at, void *value)
{
	const char *text = string_of(reader, key, at);
	struct address *address = value;

	if (!text)
		return -EINVAL;
	return address_parse(reader, key, at, text, &address->af, &address->addr);
}

static bool loopback(uint8_t af, const union addr *addr)
{
	const union addr own = {.ip6 = {0, 0, 0, htonl(1)}};

	return af == AF_INET6 ? addr_equal(addr, &own) : ntohl(addr->ip) >> 24 == IN_LOOPBACKNET;
}

static int add_address(const struct reader *reader, const struct key *key,
		       const config_setting_t *at, struct local_addresses *addresses)
{
	struct locals_addr *next = &addresses->items[addresses->len];
	const char *text = config_setting_get_string(at);
	int ret;

	if (!text)
		return fault_type(reader, key, at);
	if (addresses->len == LOCAL_ADDRESSES_MAX)
		return reader_fault(reader, at, "%s: more than %u addresses", key->name,
				    LOCAL_ADDRESSES_MAX);
	ret = address_parse(reader, key, at, text, &next->af, &next->addr);
	if (!ret && loopback(next->af, &next->addr))
		ret = reader_fault(reader, at,
				   "%s: %s is a loopback address, which no server can answer",
				   key->name, text);
	for (uint32_t i = 0; !ret && i < addresses->len; i++)
		if (addresses->items[i].af == next->af &&
		    addr_equal(&addresses->items[i].addr, &next->addr))
			ret = reader_fault(reader, at, "%s: %s is there twice", key->name, text);
	if (!ret)
		addresses->len++;
	return ret;
}

static int read_addresses(const struct reader *reader, const struct key *key,
			  const config_setting_t *at, void *value)
{
	int ret = 0;

	if (config_setting_type(at) == CONFIG_TYPE_STRING)
		return add_address(reader, key, at, value);
	if (!config_setting_is_array(at))
		return fault_type(reader, key, at);
	for (int i = 0; !ret && i < config_setting_length(at); i++)
		ret = add_address(reader, key, config_setting_get_elem(at, (unsigned int)i), value);
	return ret;
}

static int read_mask(const struct reader *reader, const struct key *key, const config_setting_t *at,
		     void *value)
{
	struct mask *mask = value;
	struct in_addr dotted;
	const char *text;
	long long prefix;
	uint32_t host;

	if (is_integer(at)) {
		prefix = config_setting_get_int64(at);
		if (prefix < 1 || prefix > 128)
			return reader_fault(reader, at, "%s: %lld is not in 1 .. 128", key->name,
					    prefix);
		mask->prefix = (uint32_t)prefix;
		return 0;
	}
	text = string_of(reader, key, at);
	if (!text)
		return -EINVAL;
	if (inet_pton(AF_INET, text, &dotted) != 1)
		return reader_fault(reader, at, "%s: '%s' is not a mask such as 255.255.255.0",
				    key->name, text);
	host = ~ntohl(dotted.s_addr);
	if (host & (host + 1) || !dotted.s_addr)
		return reader_fault(reader, at, "%s: %s is not a mask: ones, then zeros", key->name,
				    text);
	mask->dotted = dotted.s_addr;
	return 0;
}

/* A port at *@at, which moves behind it; 0 if there is none. */
static unsigned int port_next(const char **at)
{
	unsigned long port;
	char *end;

	if (!isdigit((unsigned char)**at))
		return 0;
	port = strtoul(*at, &end, 10);
	*at = end;
	return port <= UINT16_MAX ? (unsigned int)port : 0;
}

int ports_next(const char **at, uint16_t *first, uint16_t *last, const char **why)
{
	const char *p = *at + strspn(*at, " ");
	unsigned int from, to;

	if (!*p)
		return 0;
	from = to = port_next(&p);
	if (*p == '-') {
		p++;
		to = port_next(&p);
	}
	p += strspn(p, " ");
	*why = "has something else than ports 1 .. 65535 and ranges";
	if (!from || !to || (*p && *p != ','))
		return -EINVAL;
	*why = "has a range whose end is before its begin";
	if (to < from)
		return -EINVAL;
	if (*p == ',') {
		p++;
		*why = "ends with a comma";
		if (!p[strspn(p, " ")])
			return -EINVAL;
	}
	*first = (uint16_t)from;
	*last = (uint16_t)to;
	*at = p;
	return 1;
}

static int read_ports(const struct reader *reader, const struct key *key,
		      const config_setting_t *at, void *value)
{
	const char *text = string_of(reader, key, at), *p = text, *why = "";
	uint16_t first, last;
	int ret;

	if (!text)
		return -EINVAL;
	if (!text[strspn(text, " ")])
		return reader_fault(reader, at, "%s: is empty", key->name);
	do {
		ret = ports_next(&p, &first, &last, &why);
	} while (ret > 0);
	if (ret)
		return reader_fault(reader, at, "%s: '%s' %s", key->name, text, why);
	*(const char **)value = text;
	return 0;
}

/* One range, or one port; 0 or -EINVAL. */
static int range_parse(const char *text, struct port_range *range)
{
	const char *why;

	if (ports_next(&text, &range->first, &range->last, &why) <= 0 || *text)
		return -EINVAL;
	return 0;
}

static int read_range(const struct reader *reader, const struct key *key,
		      const config_setting_t *at, void *value)
{
	const char *text = string_of(reader, key, at);

	if (!text)
		return -EINVAL;
	if (range_parse(text, value))
		return reader_fault(reader, at, "%s: '%s' is not a range of ports such as \"%s\"",
				    key->name, text, key->initial);
	return 0;
}

static int read_group(const struct reader *reader, const struct key *key,
		      const config_setting_t *at, void *value)
{
	if (!config_setting_is_group(at))
		return fault_type(reader, key, at);
	*(const config_setting_t **)value = at;
	return 0;
}

static int read_list(const struct reader *reader, const struct key *key, const config_setting_t *at,
		     void *value)
{
	const config_setting_t *item;

	if (!config_setting_is_list(at))
		return fault_type(reader, key, at);
	for (int i = 0; i < config_setting_length(at); i++) {
		item = config_setting_get_elem(at, (unsigned int)i);
		if (!config_setting_is_group(item))
			return fault_type(reader, key, item);
	}
	*(const config_setting_t **)value = at;
	return 0;
}

static int (*const readers[])(const struct reader *reader, const struct key *key,
			      const config_setting_t *at, void *value) = {
	[KEY_BOOL] = read_bool,	      [KEY_NUMBER] = read_number,
	[KEY_WORD] = read_word,	      [KEY_NAME] = read_name,
	[KEY_TEXT] = read_text,	      [KEY_SCHEDULER] = read_scheduler,
	[KEY_ADDRESS] = read_address, [KEY_ADDRESSES] = read_addresses,
	[KEY_RANGE] = read_range,     [KEY_MASK] = read_mask,
	[KEY_PORTS] = read_ports,     [KEY_GROUP] = read_group,
	[KEY_LIST] = read_list,
};

int value_read(const struct reader *reader, const struct key *key, const config_setting_t *at,
	       void *values)
{
	return readers[key->type](reader, key, at, (char *)values + key->offset);
}

void value_init(const struct key *key, void *values)
{
	void *value = (char *)values + key->offset;

	memset(value, 0, key->size);
	if (!key->initial)
		return;
	switch (key->type) {
	case KEY_BOOL:
		store(key, value, !strcmp(key->initial, "true"));
		break;
	case KEY_NUMBER:
		store(key, value, (uint32_t)strtoul(key->initial, NULL, 0));
		break;
	case KEY_WORD:
		for (const struct key_word *word = key->words; word->name; word++)
			if (!strcmp(word->name, key->initial))
				store(key, value, word->value);
		break;
	case KEY_NAME:
	case KEY_TEXT:
	case KEY_SCHEDULER:
		memcpy(value, key->initial, strlen(key->initial) + 1);
		break;
	case KEY_RANGE:
		range_parse(key->initial, value);
		break;
	case KEY_ADDRESS:
	case KEY_ADDRESSES:
	case KEY_MASK:
	case KEY_PORTS:
	case KEY_GROUP:
	case KEY_LIST:
		break; /* zeros */
	}
}
