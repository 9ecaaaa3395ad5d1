// SPDX-License-Identifier: GPL-2.0-or-later
/* lvs/timeouts.c: the table of timeouts, against those of the protocols and the configuration; and
 * what becomes of a connection whose service has its own. */
#include "tests/unit/direct_build.h"

#include "conf/conf.h"
#include "conf/keys.h"
#include "lvs/timeouts.h"

#include <criterion/criterion.h>

#define CLIENT "10.1.0.2"
#define VIP    "10.1.0.100"
#define RS     "10.2.0.1"

static struct lab lab;

static void setup(void)
{
	lab_open(&lab);
}

static void teardown(void)
{
	lab_close(&lab);
}

TestSuite(timeouts, .init = setup, .fini = teardown);

/* Every state but NONE can be set, by one name, which is a key of the configuration. */
Test(timeouts, all_states_have_a_key)
{
	unsigned int of[256] = {0}, keys_of_group = 0;
	const struct key *key;

	for (size_t i = 0; i < timeout_keys_len; i++) {
		of[timeout_keys[i].protocol]++;
		cr_assert(timeout_keys[i].state || timeout_keys[i].protocol == IPPROTO_UDP);
		for (size_t k = 0; k < i; k++) {
			cr_assert_str_neq(timeout_keys[i].name, timeout_keys[k].name);
			cr_assert_neq(timeout_keys[i].offset, timeout_keys[k].offset);
			cr_assert(timeout_keys[i].protocol != timeout_keys[k].protocol ||
				  timeout_keys[i].state != timeout_keys[k].state);
		}
		key = key_find(GROUP_TIMEOUTS, timeout_keys[i].name);
		cr_assert(key, "%s", timeout_keys[i].name);
		cr_assert_eq(key->offset, timeout_keys[i].offset, "%s", timeout_keys[i].name);
	}
	for (size_t i = 0; i < keys_len; i++)
		keys_of_group += keys[i].group == GROUP_TIMEOUTS;
	cr_assert_eq(of[IPPROTO_TCP], TCP_STATES - 1);
	cr_assert_eq(of[IPPROTO_SCTP], SCTP_STATES - 1);
	cr_assert_eq(of[IPPROTO_UDP], 1);
	cr_assert_eq(keys_of_group, timeout_keys_len);
	cr_assert_eq(timeout_keys_len * sizeof(uint32_t), sizeof(struct timeouts_spec));
}

/* A file that says nothing has what IPVS has. */
Test(timeouts, defaults_are_those_of_the_tables)
{
	struct conf *conf;

	cr_assert_eq(conf_parse("", "t", &conf, NULL), 0);
	for (size_t i = 0; i < timeout_keys_len; i++)
		cr_assert_eq(timeout_value(&conf->timeouts, &timeout_keys[i]),
			     proto_find(timeout_keys[i].protocol)
				     ->timeout(&lab.timeouts, timeout_keys[i].state),
			     "%s", timeout_keys[i].name);
	for (unsigned int id = 0; id < SETTING_MAX; id++)
		cr_assert_eq(conf->director.settings[id], setting(&lab.settings, id), "setting %u",
			     id);
	conf_free(conf);
}

Test(timeouts, each_name_is_one_state)
{
	for (size_t i = 0; i < timeout_keys_len; i++) {
		struct timeouts_spec spec = {0}, before, after;

		timeouts_get(&lab.timeouts, &before);
		*timeout_at(&spec, &timeout_keys[i]) = 7000 + (uint32_t)i;
		cr_assert(timeouts_any(&spec));
		timeouts_change(&lab.timeouts, &spec);
		timeouts_get(&lab.timeouts, &after);
		for (size_t k = 0; k < timeout_keys_len; k++)
			cr_assert_eq(timeout_value(&after, &timeout_keys[k]),
				     k == i ? 7000 + i : timeout_value(&before, &timeout_keys[k]),
				     "%s moved %s", timeout_keys[i].name, timeout_keys[k].name);
	}
	cr_assert_not(timeouts_any(&(struct timeouts_spec){0}));
}

static void in(uint16_t vport, uint8_t flags)
{
	lab_send(&lab, PKT_IN,
		 &(struct build){.protocol = IPPROTO_TCP,
				 FROM_TO(CLIENT, 4000, VIP, vport),
				 .flags = flags});
}

static uint32_t life(uint16_t vport)
{
	return atomic_load(&lab_conn(&lab, IPPROTO_TCP, CLIENT, 4000, VIP, vport)->timeout);
}

Test(timeouts, of_one_service)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80), edit;
	struct service *svc;
	struct dest *dest;

	spec.timeouts = (struct timeouts_spec){.tcp = 33, .syn_recv = 5};
	svc = lab_service(&lab, spec);
	dest = lab_dest(&lab, svc, RS, 80, 1);
	lab_dest(&lab, lab_service(&lab, build_service(IPPROTO_TCP, VIP, 81)), RS, 81, 1);
	in(80, PKT_SYN);
	in(81, PKT_SYN);
	cr_assert_eq(life(80), 5000);
	cr_assert_eq(life(81), 60000);
	in(80, PKT_ACK);
	in(81, PKT_ACK);
	cr_assert_eq(life(80), 33000);
	cr_assert_eq(life(81), 900000);
	timeouts_change(&lab.timeouts, &(struct timeouts_spec){.tcp = 44, .close_wait = 45});
	in(80, PKT_ACK);
	in(81, PKT_ACK);
	cr_assert_eq(life(80), 33000, "its own");
	cr_assert_eq(life(81), 44000);

	/* As ipvsadm -E, which has no word for them, and as a file does. */
	service_get(svc, &edit);
	cr_assert_eq(edit.timeouts.tcp, 33);
	edit.says = 0;
	edit.timeouts = (struct timeouts_spec){0};
	service_complete(svc, &edit);
	cr_assert_eq(service_edit(svc, &edit, svc->sched), 0);
	in(80, PKT_ACK);
	cr_assert_eq(life(80), 33000);
	edit.says = SAYS_TIMEOUTS;
	edit.timeouts = (struct timeouts_spec){0};
	service_complete(svc, &edit);
	cr_assert_eq(service_edit(svc, &edit, svc->sched), 0);
	in(80, PKT_ACK);
	cr_assert_eq(life(80), 44000);

	/* In the trash it belongs to no service. */
	edit.timeouts.close_wait = 9;
	cr_assert_eq(service_edit(svc, &edit, svc->sched), 0);
	in(80, PKT_FIN | PKT_ACK);
	cr_assert_eq(life(80), 9000);
	service_dest_del(lab.d.services, svc, dest);
	lab_send(&lab, PKT_OUT,
		 &(struct build){
			 .protocol = IPPROTO_TCP, FROM_TO(RS, 80, CLIENT, 4000), .flags = PKT_ACK});
	cr_assert_eq(life(80), 45000);
}

/* Persistence has its own time, whatever a service says of connections. */
Test(timeouts, templates_are_not_touched)
{
	struct service_spec spec = build_service(IPPROTO_TCP, VIP, 80);
	struct template_key key = {.flow = build_flow(IPPROTO_TCP, CLIENT, 0, VIP, 80)};

	spec.flags = SERVICE_PERSISTENT;
	spec.timeout = 360;
	spec.timeouts = (struct timeouts_spec){.tcp = 3, .syn_recv = 3};
	lab_dest(&lab, lab_service(&lab, spec), RS, 80, 1);
	in(80, PKT_SYN);
	cr_assert_eq(life(80), 3000);
	cr_assert_eq(atomic_load(&conn_find_template(lab.d.conns, &key)->timeout), 360000);
}
