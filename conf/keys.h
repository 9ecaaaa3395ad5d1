/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONF_KEYS_H
#define CONF_KEYS_H

#include "lvs/settings.h"
#include "lvs/spec.h"

struct config_setting_t;

/* The groups of a configuration file. */
enum key_group {
	GROUP_FILE, /* the outermost level */
	GROUP_DIRECTOR,
	GROUP_TIMEOUTS,
	GROUP_SERVICE,
	GROUP_MATCH,
	GROUP_SERVER,
	GROUP_MAX
};

/* What a key holds, and the C type of its value. */
enum key_type {
	KEY_BOOL,      /* bool or uint32_t, as key->size says */
	KEY_NUMBER,    /* uint16_t or uint32_t, as key->size says */
	KEY_WORD,      /* one of key->words: its value, in a bool, uint8_t or uint32_t */
	KEY_NAME,      /* char [], letters, digits, '_', '-', '.'; no digit first */
	KEY_TEXT,      /* char [], printable */
	KEY_SCHEDULER, /* char [], the name of a scheduler */
	KEY_ADDRESS,   /* struct address */
	KEY_ADDRESSES, /* struct local_addresses: an array, or one as a string */
	KEY_RANGE,     /* struct port_range */
	KEY_MASK,      /* struct mask */
	KEY_PORTS,     /* const char *, of the setting; well-formed: see ports_next() */
	KEY_GROUP,     /* const struct config_setting_t *, a group */
	KEY_LIST       /* const struct config_setting_t *, a list of groups */
};

struct key_word {
	const char *name;
	uint32_t value;
};

/* One key: a row of the table from which parser, nfvsd -t and the manual come. */
struct key {
	enum key_group group;
	const char *name;
	enum key_type type;
	bool required;
	const char *initial;	      /* the default, as written in a file; NULL: zeros */
	const char *unset;	      /* the manual's words for NULL: "default: ..." or so */
	uint32_t min, max;	      /* KEY_NUMBER */
	const struct key_word *words; /* KEY_WORD; ends with a NULL name */
	size_t offset, size;	      /* of the value in the group's struct; size 0: none kept */
	const char *about;	      /* for the manual: sentences */
};

/* Absent: af 0. */
struct address {
	uint8_t af;
	union addr addr;
};

/* Absent: both 0. */
struct mask {
	uint32_t prefix;
	__be32 dotted;
};

/* The groups' structs, beside struct director_conf and struct timeouts_spec. */
struct file_values {
	const struct config_setting_t *director, *timeouts, *services;
};

struct tunnel_values {
	uint32_t type, port;
	uint8_t checksum; /* TUNNEL_* */
};

struct service_values {
	char name[SERVICE_NAME_MAX];
	char scheduler[SCHEDULER_NAME_MAX], scheduler_flags[64];
	uint32_t fwmark, port, persistent, method, limit, slow_start, datapath, schedule;
	uint8_t family, protocol;
	bool one_packet;
	struct address address;
	struct mask mask;
	struct tunnel_values tunnel;
	const struct config_setting_t *match, *servers, *timeouts;
};

struct match_values {
	uint8_t protocol;
	struct address address;
	const char *ports;
};

struct server_values {
	struct address address;
	uint32_t port, weight, method, upper, lower, limit, slow_start;
	bool backup;
	struct tunnel_values tunnel;
};

extern const struct key keys[];
extern const size_t keys_len;

/* "director", "service": as in messages and in the manual's markers; static storage. */
const char *key_group_name(enum key_group group);

/* The row, or NULL. */
const struct key *key_find(enum key_group group, const char *name);

/* Which setting a key is, or SETTING_MAX. */
enum setting_id key_setting(const struct key *key);

/* The row of the key that was most likely meant by @name, or NULL. */
const struct key *key_nearest(enum key_group group, const char *name);

#endif
