// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From one daemon to the next. The one idea: two descriptions in the same words, of what runs and
 * of what the configuration file had said, so that the next daemon makes the first, and then
 * reloads the file as this one would have done. Names, not numbers, wherever there are such, for
 * the two need not be of one version. Control thread.
 */
#include "daemon/handover.h"
#include "conf/keys.h"
#include "ctl/reader.h"
#include "daemon/deciding.h"
#include "daemon/system.h"
#include "daemon/tuning.h"
#include "lib/array.h"
#include "lib/log.h"
#include "lvs/timeouts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define STORE_NAME "nfvs-handover"
#define BARRIER_US 5000000

/* --- writing --- */

static json_t *server_json(const struct dest_spec *spec, bool from_file)
{
	return json_pack("{s:o, s:I, s:b}", "server", dest_to_json(spec), "says",
			 (json_int_t)spec->says, "file", (int)from_file);
}

/* Without servers. */
static json_t *service_json(const struct service_spec *spec, bool from_file)
{
	return json_pack("{s:o, s:s, s:I, s:I, s:I, s:b, s:[]}", "service", service_to_json(spec),
			 "engine", spec->engine, "datapath", (json_int_t)spec->datapath, "schedule",
			 (json_int_t)spec->schedule, "says", (json_int_t)spec->says, "file",
			 (int)from_file, "servers");
}

struct running {
	const struct service **items;
	size_t len, max;
};

static int collect(struct service *svc, void *data)
{
	struct running *all = data;

	if (!array_grow(&all->items, all->len, &all->max, sizeof(*all->items)))
		return -ENOMEM;
	all->items[all->len++] = svc;
	return 0;
}

static int by_age(const void *a, const void *b)
{
	const struct service *x = *(const struct service *const *)a,
			     *y = *(const struct service *const *)b;

	return (x->serial > y->serial) - (x->serial < y->serial);
}

static json_t *running_service_json(const struct service *svc)
{
	struct service_spec spec;
	struct dest_spec server;
	struct dest *dest;
	json_t *json, *servers;

	service_get(svc, &spec);
	json = service_json(&spec, svc->from_file);
	servers = json_object_get(json, "servers");
	cds_list_for_each_entry_reverse(dest, &svc->dests, list)
	{
		dest_get(dest, &server);
		json_array_append_new(servers, server_json(&server, dest->from_file));
	}
	return json;
}

/* The first first, as they are to be made again. */
static json_t *running_json(const struct director *director)
{
	json_t *rows = json_array();
	struct running all = {0};

	rcu_read_lock();
	if (services_each(director_services(director), collect, &all)) {
		json_decref(rows);
		rows = NULL;
	}
	if (all.len)
		qsort(all.items, all.len, sizeof(*all.items), by_age);
	for (size_t i = 0; rows && i < all.len; i++)
		json_array_append_new(rows, running_service_json(all.items[i]));
	rcu_read_unlock();
	free(all.items);
	return rows;
}

static json_t *settings_json(const uint32_t settings[SETTING_MAX])
{
	json_t *json = json_object();

	for (size_t i = 0; i < keys_len; i++)
		if (key_setting(&keys[i]) != SETTING_MAX)
			json_object_set_new(json, keys[i].name,
					    json_integer(settings[key_setting(&keys[i])]));
	return json;
}

static json_t *file_json(const struct conf *file)
{
	json_t *rows = json_array(), *row;

	for (size_t i = 0; i < file->services_len; i++) {
		const struct service_conf *svc = &file->services[i];

		row = service_json(&svc->spec, true);
		for (size_t j = 0; j < svc->servers_len; j++)
			json_array_append_new(json_object_get(row, "servers"),
					      server_json(&svc->servers[j], true));
		json_array_append_new(rows, row);
	}
	return json_pack("{s:o, s:o, s:o}", "services", rows, "timeouts",
			 timeouts_to_json(&file->timeouts), "settings",
			 settings_json(file->director.settings));
}

json_t *handover_to_json(const struct director *director, const struct drains *drains,
			 uint64_t upgrades)
{
	const struct settings *settings = deciding_settings(director_deciding(director));
	uint32_t values[SETTING_MAX];
	struct timeouts_spec timeouts;

	for (unsigned int id = 0; id < SETTING_MAX; id++)
		values[id] = atomic_load_explicit(&settings->values[id], memory_order_relaxed);
	timeouts_get(director_timeouts((struct director *)director), &timeouts);
	return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "version", NFVS_VERSION,
			 "upgrades", (json_int_t)upgrades, "services", running_json(director),
			 "timeouts", timeouts_to_json(&timeouts), "settings", settings_json(values),
			 "drains", drains_json(drains, director_now()), "system",
			 system_to_json(director_system(director)), "file",
			 file_json(director_file(director)));
}

int handover_write(const json_t *json)
{
	int fd = memfd_create("nfvs-handover", MFD_CLOEXEC);
	char *text = json_dumps(json, JSON_COMPACT);
	size_t len = text ? strlen(text) : 0;
	ssize_t n = 1;

	for (size_t at = 0; fd >= 0 && n > 0 && at < len; at += (size_t)n)
		n = write(fd, text + at, len - at);
	free(text);
	if (fd >= 0 && (!len || n <= 0 || lseek(fd, 0, SEEK_SET))) {
		close(fd);
		return -ENOMEM;
	}
	return fd < 0 ? -errno : fd;
}

int handover_store(const json_t *json)
{
	int fd = handover_write(json), ret;

	if (fd < 0)
		return fd;
	ret = sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=" STORE_NAME, &fd, 1);
	close(fd);
	if (!ret)
		return -ENOENT;
	/* Before this process, by which systemd knows the sender, is gone. */
	return ret < 0 ? ret : sd_notify_barrier(0, BARRIER_US);
}

void handover_forget(void)
{
	sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=" STORE_NAME);
}

/* --- reading --- */

static int server_read(const json_t *json, struct dest_spec *out, bool *from_file,
		       struct error *err)
{
	struct reader reader;
	uint64_t said = 0;

	reader_open(&reader, json, "server", err);
	reader_need(&reader, "server");
	reader_uint(&reader, "says", 0, UINT8_MAX, &said);
	reader_bool(&reader, "file", from_file);
	if (!reader.ret)
		reader.ret = dest_from_json(reader_get(&reader, "server"), out, err);
	if (reader_close(&reader))
		return reader.ret;
	out->says = (uint8_t)said;
	return 0;
}

/* All but the servers. On success the caller owns out->matches. */
static int service_read(const json_t *json, struct service_spec *out, bool *from_file,
			struct error *err)
{
	uint32_t datapath = DATAPATH_UNSET, schedule = SCHEDULE_UNSET, said = 0;
	struct service_spec spec = {0};
	struct reader reader;

	reader_open(&reader, json, "service", err);
	reader_need(&reader, "service");
	reader_string(&reader, "engine", spec.engine, sizeof(spec.engine));
	reader_u32(&reader, "datapath", DATAPATH_FLOW, &datapath);
	reader_u32(&reader, "schedule", SCHEDULE_KERNEL, &schedule);
	reader_u32(&reader, "says", UINT32_MAX, &said);
	reader_bool(&reader, "file", from_file);
	(void)reader_get(&reader, "servers");
	if (reader_close(&reader))
		return reader.ret;
	/* Last, for it allocates. */
	reader.ret = service_from_json(json_object_get(json, "service"), out, err);
	if (reader.ret)
		return reader.ret;
	memcpy(out->engine, spec.engine, sizeof(out->engine));
	out->datapath = datapath;
	out->schedule = schedule;
	out->says = said;
	return 0;
}

static void settings_read(const json_t *json, uint32_t settings[SETTING_MAX])
{
	for (size_t i = 0; i < keys_len; i++) {
		const json_t *value = json_object_get(json, keys[i].name);

		if (key_setting(&keys[i]) != SETTING_MAX && json_is_integer(value))
			settings[key_setting(&keys[i])] = (uint32_t)json_integer_value(value);
	}
}

static int file_service_read(const json_t *json, struct service_conf *out, struct error *err)
{
	const json_t *servers = json_object_get(json, "servers");
	bool from_file;
	int ret = service_read(json, &out->spec, &from_file, err);

	out->servers = calloc(json_array_size(servers) + 1, sizeof(*out->servers));
	if (!ret && !out->servers)
		ret = error_set(err, -ENOMEM, "no memory");
	for (size_t i = 0; !ret && i < json_array_size(servers); i++, out->servers_len++)
		ret = server_read(json_array_get(servers, i), &out->servers[i], &from_file, err);
	return ret;
}

/* The file that the other daemon had loaded. @out: its director section says the defaults of
 * settings that the other did not have. */
static int file_read(const json_t *json, struct conf *out, struct error *err)
{
	const json_t *services = json_object_get(json, "services");
	int ret = timeouts_from_json(json_object_get(json, "timeouts"), &out->timeouts, err);

	settings_read(json_object_get(json, "settings"), out->director.settings);
	out->services = calloc(json_array_size(services) + 1, sizeof(*out->services));
	if (!ret && !out->services)
		ret = error_set(err, -ENOMEM, "no memory");
	for (size_t i = 0; !ret && i < json_array_size(services); i++) {
		out->services_len++; /* to be freed in any case */
		ret = file_service_read(json_array_get(services, i), &out->services[i], err);
	}
	return ret;
}

/* The descriptor that systemd kept, or -1. */
static int stored(void)
{
	char **names = NULL;
	int len = sd_listen_fds_with_names(0, &names), fd = -1;

	for (int i = 0; i < len; i++) {
		if (!strcmp(names[i], STORE_NAME))
			fd = SD_LISTEN_FDS_START + i;
		free(names[i]);
	}
	free(names);
	/* It may have been read by one that then did not come up. */
	if (fd >= 0)
		(void)lseek(fd, 0, SEEK_SET);
	return fd;
}

int handover_take(json_t **out, struct error *err)
{
	const char *text = getenv(HANDOVER_ENV);
	int fd = text ? atoi(text) : stored();
	json_error_t error = {.text = ""};
	FILE *file;

	*out = NULL;
	if (fd < 0)
		return 0;
	file = fdopen(fd, "r");
	(void)unsetenv(HANDOVER_ENV);
	if (file) {
		*out = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
		fclose(file);
	}
	if (json_is_object(*out))
		return 0;
	json_decref(*out);
	*out = NULL;
	return error_set(err, -EBADMSG, "what another nfvsd hands over cannot be read: %s",
			 error.text);
}

uint64_t handover_upgrades(const json_t *json)
{
	return (uint64_t)json_integer_value(json_object_get(json, "upgrades"));
}

/* --- making --- */

static void server_make(const json_t *json, struct director *director, struct service *svc)
{
	struct dest_spec spec;
	struct error err = {""};
	bool from_file = false;
	int ret = server_read(json, &spec, &from_file, &err);

	if (!ret)
		ret = director_dest_add(director, &svc->key, &spec, &err);
	if (ret)
		log_warn("upgrade: a server is lost: %s", err.text);
	else
		service_dest(svc, spec.af, &spec.addr, spec.port)->from_file = from_file;
}

static void service_make(const json_t *json, struct director *director)
{
	const json_t *servers = json_object_get(json, "servers");
	struct service_spec spec = {0};
	struct error err = {""};
	struct service *svc;
	bool from_file = false;
	int ret = service_read(json, &spec, &from_file, &err);

	if (!ret)
		ret = director_service_add(director, &spec, &err);
	free(spec.matches);
	if (ret) {
		log_warn("upgrade: a service is lost: %s", err.text);
		return;
	}
	rcu_read_lock();
	svc = services_get(director_services(director), &spec.key);
	rcu_read_unlock(); /* only this thread could remove it */
	svc->from_file = from_file;
	service_suspend(svc);
	for (size_t i = 0; i < json_array_size(servers); i++)
		server_make(json_array_get(servers, i), director, svc);
	if (service_resume(svc))
		log_warn("upgrade: no memory for a service's schedule");
	service_settle(svc);
}

static void settings_apply(const json_t *json, struct director *director)
{
	struct error err = {""};
	const char *name;
	const json_t *value;

	json_object_foreach ((json_t *)json, name, value)
		if (tuning_set(director, name, (uint64_t)json_integer_value(value), &err))
			log_warn("upgrade: a setting is lost: %s", err.text);
}

void handover_apply(const json_t *json, struct director *director)
{
	const json_t *services = json_object_get(json, "services");
	struct conf *file = calloc(1, sizeof(*file));
	struct timeouts_spec timeouts;
	struct error err = {""};

	system_from_json(director_system(director), json_object_get(json, "system"));
	if (timeouts_from_json(json_object_get(json, "timeouts"), &timeouts, &err))
		log_warn("upgrade: the timeouts are lost: %s", err.text);
	else
		timeouts_change(director_timeouts(director), &timeouts);
	for (size_t i = 0; i < json_array_size(services); i++)
		service_make(json_array_get(services, i), director);
	if (file)
		memcpy(file->director.settings, director_conf(director)->settings,
		       sizeof(file->director.settings));
	settings_apply(json_object_get(json, "settings"), director);
	if (file && !file_read(json_object_get(json, "file"), file, &err)) {
		director_resume(director, file);
		return;
	}
	log_warn("upgrade: changes by nfvsadm to what the file has are lost: %s", err.text);
	conf_free(file);
}

void handover_drains(const json_t *json, struct drains *drains)
{
	const json_t *rows = json_object_get(json, "drains");
	struct error err = {""};

	for (size_t i = json_array_size(rows); i > 0; i--)
		if (drains_resume(drains, json_array_get(rows, i - 1), director_now(), &err))
			log_warn("upgrade: a drain is lost: %s", err.text);
}
