// SPDX-License-Identifier: GPL-2.0-or-later
/* conf/source.c: files, files that they include, and whose line is blamed. */
#include "tests/unit/conf_texts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder with files, and the way to it. */
static char folder[64];

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put_bytes(const char *name, const char *text, size_t len)
{
	FILE *file = fopen(path_of(name), "w");

	cr_assert(file && fwrite(text, 1, len, file) == len && !fclose(file), "%s", name);
}

static void put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static void folder_make(void)
{
	strcpy(folder, "/tmp/test_conf.XXXXXX");
	cr_assert(mkdtemp(folder));
	cr_assert_eq(mkdir(path_of("sub"), 0755), 0);
}

static void folder_remove(void)
{
	static const char *const names[] = {"main", "sub/a", "sub/b", "sub/b2"};

	for (size_t i = 0; i < LEN(names); i++)
		unlink(path_of(names[i]));
	rmdir(path_of("sub"));
	rmdir(folder);
}

TestSuite(files, .init = folder_make, .fini = folder_remove);

/* Loading "main" fails with this, after the folder's name where "%s" stands. */
static void expect_load_error(const char *fmt, int code)
{
	char expected[256];
	struct conf *conf = NULL;
	struct error err = {""};

	snprintf(expected, sizeof(expected), fmt, folder, folder);
	cr_expect_eq(conf_load(path_of("main"), &conf, &err), code);
	cr_expect_str_eq(err.text, expected);
	cr_expect_null(conf);
}

Test(files, one_is_read)
{
	struct conf *conf = NULL;
	struct error err = {""};

	put("main", "director = { workers = 5; };");
	cr_assert_eq(conf_load(path_of("main"), &conf, &err), 0, "%s", err.text);
	cr_assert_eq(conf->director.workers, 5);
	conf_free(conf);
}

Test(files, what_cannot_be_read)
{
	expect_load_error("%s/main: No such file or directory", -ENOENT);
	put_bytes("main", "director = { };\n\0x", 18);
	expect_load_error("%s/main:2: a NUL byte: this is not a text", -EINVAL);
	put_bytes("main", "x = \"a\0b\";", 11);
	expect_load_error("%s/main:1: a NUL byte in this string", -EINVAL);
	unlink(path_of("main"));
	mkdir(path_of("main"), 0755);
	expect_load_error("%s/main: Is a directory", -EISDIR);
	rmdir(path_of("main"));
}

Test(files, include_each_other)
{
	struct conf *conf = NULL;
	struct error err = {""};
	char text[256];

	/* relative to the including file, and absolute; the rest of the line goes on */
	snprintf(text, sizeof(text), "# x\n  @include \"sub/a\" // here\n@include\t\"%s\" ;\n",
		 path_of("sub/b"));
	put("main", text);
	put("sub/a", "director = {\n@include \"b2\"\nfirst_queue = 7; };");
	put("sub/b", "timeouts = { udp = 5; }");
	put("sub/b2", "workers = 4;");
	cr_assert_eq(conf_load(path_of("main"), &conf, &err), 0, "%s", err.text);
	cr_assert_eq(conf->director.workers, 4);
	cr_assert_eq(conf->director.first_queue, 7);
	cr_assert_eq(conf->timeouts.udp, 5);
	conf_free(conf);
}

Test(files, the_right_file_is_blamed)
{
	put("main", "director = { };\n@include \"sub/a\"\ntimeouts = { upd = 1; };");
	put("sub/a", "services = (\n" WEB("10.0.0.1") "\n,\n" WEB("10.0.0.1") ");");
	expect_load_error("%s/main:3: unknown key 'upd' (in timeouts); did you mean 'udp'?",
			  -EINVAL);
	put("main", "director = { };\n@include \"sub/a\"\n");
	expect_load_error("%s/sub/a:4: service tcp 10.0.0.1:80 is there already: %s/sub/a:2",
			  -EINVAL);
	put("sub/a", "\n\n}");
	expect_load_error("%s/sub/a:3: syntax error", -EINVAL);
	put("sub/a", "\nx = \"");
	expect_load_error("%s/sub/a:2: this string has no end", -EINVAL);
	put("sub/a", "\n@include \"b\"");
	expect_load_error("%s/sub/a:2: cannot include %s/sub/b: No such file or directory",
			  -ENOENT);
	put("sub/b", "\nx = 99999999999999999999;");
	expect_load_error("%s/sub/b:2: 99999999999999999999 is too large", -EINVAL);
	put("main", "\n@include \"sub\"");
	expect_load_error("%s/main:2: cannot include %s/sub: Is a directory", -EISDIR);
	put("main", "@include \"main\"");
	expect_load_error("%s/main:1: too many files included: does one of them include itself?",
			  -EINVAL);
}
