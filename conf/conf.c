// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The configuration of the director. The one idea: a file becomes a new object, validated whole, or
 * an error that names its line; nothing of it is used in between. The way is source.c (text),
 * libconfig (syntax), group.c and value.c by the table in keys.c (values), model.c (services).
 * Called at start, for -t, and for a reload on the control thread; works on any.
 */
#include "conf/conf.h"
#include "conf/duplicate.h"
#include "conf/group.h"
#include "conf/model.h"
#include "lvs/verdict.h"

#include <errno.h>
#include <stdlib.h>

static int director_check(const struct reader *reader, const config_setting_t *at,
			  const struct director_conf *director)
{
	unsigned int workers = director->workers ? director->workers : 1,
		     gap = ~director->mark_mask;
	const config_setting_t *where = group_at(at, "first_queue");

	if (director->first_queue + 2 * workers > UINT16_MAX)
		return reader_fault(
			reader, where ? where : at,
			"first_queue: the queues up to first_queue + 2 * workers, %u, do "
			"not exist: the last is 65535",
			director->first_queue + 2 * workers);
	if (gap & (gap + 1))
		return reader_fault(reader, group_at(at, "mark_mask"),
				    "mark_mask: 0x%x is not the highest bits without a gap",
				    director->mark_mask);
	if (!mark_send(director->mark_mask))
		return reader_fault(reader, group_at(at, "mark_mask"),
				    "mark_mask: 0x%x is a single bit: two are needed",
				    director->mark_mask);
	return 0;
}

static int services_duplicate(const struct reader *reader, const config_setting_t *list,
			      const struct conf *conf)
{
	char text[SERVICE_KEY_STRLEN];
	const config_setting_t *at;
	size_t first, second;
	struct place place;
	int ret = duplicate_find(conf->services, conf->services_len, sizeof(*conf->services),
				 model_compare, &first, &second);

	if (ret < 0)
		return error_set(reader->err, ret, "no memory");
	if (!ret)
		return 0;
	at = config_setting_get_elem(list, (unsigned int)first);
	place = source_place(reader->source, config_setting_source_line(at));
	at = config_setting_get_elem(list, (unsigned int)second);
	return reader_fault(reader, at, "service %s is there already: %s:%u",
			    service_key_format(text, &conf->services[first].spec.key), place.file,
			    place.line);
}

/* One range of a firewall-mark group, and its service's place in the list. */
struct claim {
	const struct match *match;
	unsigned int service;
};

static int claim_compare(const void *a, const void *b)
{
	const struct match *x = ((const struct claim *)a)->match;
	const struct match *y = ((const struct claim *)b)->match;
	int order = addr_compare(&x->addr, &y->addr);

	if (x->af != y->af || x->protocol != y->protocol)
		return ((int)x->af - (int)y->af) * 256 + (int)x->protocol - (int)y->protocol;
	return order ? order : (int)x->first - (int)y->first;
}

/* The line of the later of two services that claim one packet, which names the other. */
static int claim_fault(const struct reader *reader, const config_setting_t *list,
		       const struct claim *a, const struct claim *b)
{
	const struct match *match = b->match; /* begins where the overlap does */
	const config_setting_t *at;
	char text[ADDR_STRLEN];
	struct place place;

	if (a->service > b->service) {
		const struct claim *swap = a;

		a = b;
		b = swap;
	}
	at = config_setting_get_elem(list, a->service);
	place = source_place(reader->source, config_setting_source_line(at));
	at = group_at(config_setting_get_elem(list, b->service), "match");
	return reader_fault(reader, at, "match: %s %s belongs to another fwmark already: %s:%u",
			    protocol_name(match->protocol),
			    addr_format_port(text, match->af, &match->addr, htons(match->first)),
			    place.file, place.line);
}

/* No packet may belong to two firewall-mark groups. */
static int groups_overlap(const struct reader *reader, const config_setting_t *list,
			  const struct conf *conf)
{
	struct claim *claims, *last;
	size_t len = 0, n = 0;
	int ret = 0;

	for (size_t i = 0; i < conf->services_len; i++)
		len += conf->services[i].spec.matches_len;
	claims = calloc(len + 1, sizeof(*claims));
	if (!claims)
		return error_set(reader->err, -ENOMEM, "no memory");
	for (unsigned int i = 0; i < conf->services_len; i++)
		for (size_t k = 0; k < conf->services[i].spec.matches_len; k++)
			claims[n++] = (struct claim){&conf->services[i].spec.matches[k], i};
	qsort(claims, len, sizeof(*claims), claim_compare);
	last = claims; /* reaches furthest of those that its service has in a row */
	for (size_t i = 1; !ret && i < len; i++) {
		const struct match *x = last->match, *y = claims[i].match;

		if (x->af == y->af && x->protocol == y->protocol &&
		    addr_equal(&x->addr, &y->addr) && y->first <= x->last) {
			if (last->service != claims[i].service)
				ret = claim_fault(reader, list, last, &claims[i]);
			if (y->last <= x->last)
				continue;
		}
		last = &claims[i];
	}
	free(claims);
	return ret;
}

static int services_read(const struct reader *reader, const config_setting_t *list,
			 struct conf *conf)
{
	size_t len = list ? (size_t)config_setting_length(list) : 0;
	int ret = 0;

	if (!len)
		return 0;
	conf->services = calloc(len, sizeof(*conf->services));
	if (!conf->services)
		return error_set(reader->err, -ENOMEM, "no memory");
	conf->services_len = len;
	for (size_t i = 0; !ret && i < len; i++)
		ret = model_read(reader, &conf->director,
				 config_setting_get_elem(list, (unsigned int)i),
				 &conf->services[i]);
	if (!ret)
		ret = services_duplicate(reader, list, conf);
	return ret ? ret : groups_overlap(reader, list, conf);
}

static int conf_read(const struct reader *reader, const config_setting_t *root, struct conf *conf)
{
	struct file_values file;
	int ret = group_read(reader, GROUP_FILE, root, &file);

	if (!ret)
		ret = group_read(reader, GROUP_DIRECTOR, file.director, &conf->director);
	if (!ret)
		ret = director_check(reader, file.director, &conf->director);
	if (!ret)
		ret = group_read(reader, GROUP_TIMEOUTS, file.timeouts, &conf->timeouts);
	return ret ? ret : services_read(reader, file.services, conf);
}

static int syntax_fault(const struct source *source, const config_t *config, struct error *err)
{
	struct place place = source_place(source, (unsigned int)config_error_line(config));

	return error_set(err, -EINVAL, "%s:%u: %s", place.file, place.line,
			 config_error_text(config));
}

/* Owns @source. */
static int conf_build(struct source *source, struct conf **out, struct error *err)
{
	struct error ignored;
	const struct reader reader = {.source = source, .err = err ? err : &ignored};
	struct conf *conf = calloc(1, sizeof(*conf));
	config_t config;
	int ret;

	config_init(&config);
	if (!conf)
		ret = error_set(err, -ENOMEM, "no memory");
	else if (!config_read_string(&config, source_text(source)))
		ret = syntax_fault(source, &config, err);
	else
		ret = conf_read(&reader, config_root_setting(&config), conf);
	config_destroy(&config);
	source_free(source);
	if (ret)
		conf_free(conf);
	else
		*out = conf;
	return ret;
}

int conf_load(const char *path, struct conf **out, struct error *err)
{
	struct source *source;
	int ret = source_load(path, &source, err);

	return ret ? ret : conf_build(source, out, err);
}

int conf_parse(const char *text, const char *name, struct conf **out, struct error *err)
{
	struct source *source;
	int ret = source_parse(text, name, &source, err);

	return ret ? ret : conf_build(source, out, err);
}

void conf_free(struct conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf->services_len; i++)
		model_free(&conf->services[i]);
	free(conf->services);
	free(conf);
}
