// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nfvsadm upgrade. The one idea: nothing is stopped that could not go on. The new program is asked
 * first, as a child; if it agrees, this process executes it, which ends all threads and closes all
 * sockets at one stroke, and to the kernel is what a crash is: rules, conntrack and the socket's
 * name stay. If it cannot be executed after all, then nothing has happened, and this daemon goes
 * on. Control thread, which is the main thread: what it may do, the next one may.
 */
#include "daemon/upgrade.h"
#include "daemon/director.h"
#include "daemon/handover.h"
#include "daemon/privilege.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define ANSWER_MS   10000 /* for it to say whether it takes the file */
#define HANDOVER_FD 3	  /* of the child's */

enum upgrade_state {
	UPGRADE_NONE,
	UPGRADE_ASKING,
	UPGRADE_REFUSED,
	UPGRADE_DONE /* by this process, when it was the new one */
};

struct upgrade {
	struct upgrade_conf conf;
	char own[PATH_MAX];  /* where this program was started from; "": not known */
	char path[PATH_MAX]; /* of the other program */
	enum upgrade_state state;
	uint64_t number;
	struct error because;
	struct trial *trial; /* while it asks */
	bool closing;
};

/* One question to another program. */
struct trial {
	struct upgrade *upgrade;
	uv_process_t process;
	uv_timer_t timer;
	int state, output; /* files in memory: what it gets to read, what it says */
	char **env;
	unsigned int open; /* handles */
	bool late;
};

/* @path as seen from here, whatever becomes of the working directory. */
static void absolute(char out[PATH_MAX], const char *path)
{
	char here[PATH_MAX];

	if (*path == '/' || !getcwd(here, sizeof(here)))
		*here = '\0';
	if (snprintf(out, PATH_MAX, "%s%s%s", here, *here ? "/" : "", path) >= PATH_MAX)
		*out = '\0';
}

struct upgrade *upgrade_new(const struct upgrade_conf *conf)
{
	const char *path = (const char *)getauxval(AT_EXECFN);
	struct upgrade *upgrade = calloc(1, sizeof(*upgrade));

	if (!upgrade)
		return NULL;
	upgrade->conf = *conf;
	upgrade->number = conf->upgrades;
	upgrade->state = conf->upgrades ? UPGRADE_DONE : UPGRADE_NONE;
	/* Not /proc/self/exe, which sees through symlinks and does not know what replaced it. */
	absolute(upgrade->own, path ? path : conf->argv[0]);
	return upgrade;
}

static void refuse(struct upgrade *upgrade, const char *text)
{
	upgrade->state = UPGRADE_REFUSED;
	error_set(&upgrade->because, 0, "%s", text);
	log_err("upgrade to %s: %s; nothing changed", upgrade->path, text);
}

/* The environment with @entry in it; the list is the caller's, the strings are not. */
static char **environment(char *entry)
{
	const size_t name = strlen(HANDOVER_ENV "=");
	size_t len = 0, n = 0;
	char **env;

	while (environ[len])
		len++;
	env = calloc(len + 2, sizeof(*env));
	for (size_t i = 0; env && i < len; i++)
		if (strncmp(environ[i], HANDOVER_ENV "=", name) != 0)
			env[n++] = environ[i];
	if (env)
		env[n] = entry;
	return env;
}

/* The state as it is now, in a file in memory; or -errno. */
static int state_file(const struct upgrade *upgrade)
{
	json_t *state = upgrade->conf.state(upgrade->conf.data, upgrade->number);
	int fd = state ? handover_write(state) : -ENOMEM;

	json_decref(state);
	return fd;
}

/* Does not return unless it fails: -errno. */
static int execute(struct upgrade *upgrade, char **argv, int fd)
{
	char entry[sizeof(HANDOVER_ENV "=") + 12];
	char **env = environment(entry);
	int ret = -ENOMEM;

	snprintf(entry, sizeof(entry), HANDOVER_ENV "=%d", fd);
	if (env && !fcntl(fd, F_SETFD, 0)) {
		execve(upgrade->path, argv, env);
		ret = -errno;
	}
	free(env);
	return ret;
}

/* The arguments of this program, for the other one; the list is the caller's. */
static char **arguments(struct upgrade *upgrade)
{
	size_t len = 0;
	char **argv;

	while (upgrade->conf.argv[len])
		len++;
	argv = calloc(len + 2, sizeof(*argv));
	if (!argv)
		return NULL;
	memcpy(argv, upgrade->conf.argv, len * sizeof(*argv));
	argv[0] = upgrade->path;
	return argv;
}

/* Those that nfvsd heeds. */
static void hold_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(how, &set, NULL);
}

void upgrade_arrive(void)
{
	hold_signals(SIG_UNBLOCK);
}

/* Signals that come in between wait until the next one is ready for them. */
static void leave(struct upgrade *upgrade)
{
	char **argv = arguments(upgrade);
	int fd = state_file(upgrade), ret = argv ? fd : -ENOMEM;
	char text[128];

	log_info("upgrade: %s takes over", upgrade->path);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
		   (unsigned long long)director_now() * 1000);
	hold_signals(SIG_BLOCK);
	if (ret >= 0)
		ret = privilege_pass(true);
	if (!ret) {
		/* While workers still answer what came before. An exec takes its time between their
		 * end and that of their sockets, and what came then would be dropped. */
		upgrade->conf.aside(upgrade->conf.data, true);
		ret = execute(upgrade, argv, fd);
		upgrade->conf.aside(upgrade->conf.data, false);
	}
	(void)privilege_pass(false);
	hold_signals(SIG_UNBLOCK);
	sd_notify(0, "READY=1");
	if (fd >= 0)
		close(fd);
	free(argv);
	snprintf(text, sizeof(text), "it cannot be executed: %s", strerror(-ret));
	refuse(upgrade, text);
}

/* The first line of what the program said. */
static void read_output(const struct trial *trial, char *buf, size_t size)
{
	ssize_t n = pread(trial->output, buf, size - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

/* All that it was given? Programs that end with status 0 whatever they are asked have not. */
static bool has_read(const struct trial *trial)
{
	off_t at = lseek(trial->state, 0, SEEK_CUR);

	return at > 0 && at == lseek(trial->state, 0, SEEK_END);
}

static void judge(const struct trial *trial, int64_t status, int signal)
{
	struct upgrade *upgrade = trial->upgrade;
	char text[sizeof(upgrade->because.text)] = "";

	if (!trial->late && !status && !signal && has_read(trial)) {
		leave(upgrade);
		return;
	}
	read_output(trial, text, sizeof(text));
	if (trial->late)
		snprintf(text, sizeof(text), "it did not end within %d s when it was asked by -t",
			 ANSWER_MS / 1000);
	else if (signal)
		snprintf(text, sizeof(text), "it was ended by signal %d when it was asked by -t",
			 signal);
	else if (!status)
		snprintf(text, sizeof(text),
			 "it is no nfvsd that can take over from a running one");
	else if (!*text)
		snprintf(text, sizeof(text), "it ended with status %d when it was asked by -t",
			 (int)status);
	refuse(upgrade, text);
}

static void trial_free(struct trial *trial)
{
	if (trial->state >= 0)
		close(trial->state);
	if (trial->output >= 0)
		close(trial->output);
	free(trial->env);
	free(trial);
}

static void on_closed(uv_handle_t *handle)
{
	struct trial *trial = handle->data;

	if (--trial->open)
		return;
	if (trial->upgrade->closing)
		free(trial->upgrade);
	else
		trial->upgrade->trial = NULL;
	trial_free(trial);
}

static void trial_close(struct trial *trial)
{
	uv_close((uv_handle_t *)&trial->process, on_closed);
	uv_close((uv_handle_t *)&trial->timer, on_closed);
}

static void on_exit_child(uv_process_t *process, int64_t status, int signal)
{
	struct trial *trial = process->data;

	judge(trial, status, signal);
	trial_close(trial);
}

static void on_late(uv_timer_t *timer)
{
	struct trial *trial = timer->data;

	trial->late = true;
	(void)uv_process_kill(&trial->process, SIGKILL);
}

/* Starts the child. */
static int trial_spawn(struct trial *trial)
{
	struct upgrade *upgrade = trial->upgrade;
	char test[] = "-t", conf[] = "-c";
	char *argv[] = {upgrade->path, test, conf, (char *)upgrade->conf.conf, NULL};
	uv_stdio_container_t stdio[HANDOVER_FD + 1] = {
		{.flags = UV_IGNORE},
		{.flags = UV_IGNORE},
		{.flags = UV_INHERIT_FD, .data.fd = trial->output},
		{.flags = UV_INHERIT_FD, .data.fd = trial->state},
	};
	uv_process_options_t options = {.exit_cb = on_exit_child,
					.file = upgrade->path,
					.args = argv,
					.env = trial->env,
					.stdio_count = HANDOVER_FD + 1,
					.stdio = stdio};
	int ret;

	(void)privilege_pass(true); /* to read the file */
	ret = uv_spawn(upgrade->conf.loop, &trial->process, &options);
	(void)privilege_pass(false);
	return ret;
}

static struct trial *trial_new(struct upgrade *upgrade)
{
	static char entry[] = HANDOVER_ENV "=3";
	struct trial *trial = calloc(1, sizeof(*trial));

	if (!trial)
		return NULL;
	trial->upgrade = upgrade;
	trial->state = state_file(upgrade);
	trial->output = memfd_create("nfvs-answer", MFD_CLOEXEC);
	trial->env = environment(entry);
	if (trial->state >= 0 && trial->output >= 0 && trial->env)
		return trial;
	trial_free(trial);
	return NULL;
}

/* On an error the handles are closed, as libuv wants it. */
static int trial_start(struct upgrade *upgrade)
{
	struct trial *trial = trial_new(upgrade);
	int ret;

	if (!trial)
		return -ENOMEM;
	uv_timer_init(upgrade->conf.loop, &trial->timer);
	trial->process.data = trial->timer.data = trial;
	trial->open = 2;
	upgrade->trial = trial;
	ret = trial_spawn(trial);
	if (ret)
		trial_close(trial);
	else
		uv_timer_start(&trial->timer, on_late, ANSWER_MS, 0);
	return ret;
}

int upgrade_start(struct upgrade *upgrade, const char *path, struct error *err)
{
	int ret;

	if (upgrade->trial)
		return error_set(err, -EBUSY, "an upgrade to %s is under way", upgrade->path);
	absolute(upgrade->path, path ? path : upgrade->own);
	if (!*upgrade->path)
		return error_set(err, -ENAMETOOLONG, "the path of the program is too long");
	upgrade->number++;
	upgrade->state = UPGRADE_ASKING;
	ret = trial_start(upgrade);
	if (!ret)
		return 0;
	refuse(upgrade, strerror(-ret));
	return error_set(err, ret, "cannot run %s: %s", upgrade->path, strerror(-ret));
}

void upgrade_close(struct upgrade *upgrade)
{
	if (!upgrade)
		return;
	upgrade->closing = true;
	if (!upgrade->trial) {
		free(upgrade);
		return;
	}
	if (uv_is_closing((uv_handle_t *)&upgrade->trial->process))
		return;
	(void)uv_process_kill(&upgrade->trial->process, SIGKILL);
	trial_close(upgrade->trial);
}

json_t *upgrade_json(const struct upgrade *upgrade)
{
	static const char *const states[] = {[UPGRADE_NONE] = "none",
					     [UPGRADE_ASKING] = "asking",
					     [UPGRADE_REFUSED] = "refused",
					     [UPGRADE_DONE] = "done"};

	return json_pack("{s:I, s:s, s:s, s:s}", "number", (json_int_t)upgrade->number, "state",
			 states[upgrade->state], "because", upgrade->because.text, "version",
			 NFVS_VERSION);
}
