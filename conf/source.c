// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The text of a configuration. The one idea: files are read and put together here, with a note of
 * where each line came from, because libconfig ends the process when an included file cannot be
 * read (a directory), and takes absolute names for relative ones. On the way a small scanner finds
 * what libconfig 1.5 lets pass in silence: strings and comments without an end, and integers that
 * do not fit, which it cuts off. Large integers get the suffix L here, so that nobody has to write
 * it. conf_load() and conf_parse() call this; any thread.
 */
#include "conf/source.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NESTING_MAX 10u
#define FILES_MAX   4096u
#define BYTES_MAX   (64u << 20) /* of all files together */

struct origin {
	unsigned int file, line;
};

struct source {
	char *text;
	size_t len;
	char *files[FILES_MAX];
	unsigned int files_len;
	struct origin *origins; /* one for each line of text */
	size_t lines, lines_max;
	size_t bytes; /* read */
};

/* One file on its way into the source. */
struct scan {
	struct source *source;
	FILE *out; /* to source->text */
	const char *at, *end;
	struct origin here;
	unsigned int depth;
	bool includes; /* allowed */
	struct error *err;
};

static const char *file_name(const struct scan *scan)
{
	return scan->source->files[scan->here.file];
}

static int fault(const struct scan *scan, unsigned int line, const char *what)
{
	return error_set(scan->err, -EINVAL, "%s:%u: %s", file_name(scan), line, what);
}

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "no memory");
}

/* Notes where the next line of the text comes from. */
static int line_begin(struct scan *scan)
{
	struct source *source = scan->source;
	size_t max = source->lines_max ? source->lines_max * 2 : 256;
	struct origin *more;

	if (source->lines == source->lines_max) {
		more = reallocarray(source->origins, max, sizeof(*more));
		if (!more)
			return no_memory(scan->err);
		source->origins = more;
		source->lines_max = max;
	}
	source->origins[source->lines++] = scan->here;
	return 0;
}

/* Takes the next character over. */
static int copy(struct scan *scan)
{
	char c = *scan->at++;

	putc(c, scan->out);
	if (c != '\n')
		return 0;
	scan->here.line++;
	return line_begin(scan);
}

static int copy_until(struct scan *scan, const char *end)
{
	int ret = 0;

	while (!ret && scan->at < end)
		ret = copy(scan);
	return ret;
}

static int copy_string(struct scan *scan)
{
	const char *end = scan->at + 1;

	while (end < scan->end && *end != '"')
		end += *end == '\\' ? 2 : 1;
	if (end >= scan->end)
		return fault(scan, scan->here.line, "this string has no end");
	if (memchr(scan->at, '\0', (size_t)(end - scan->at)))
		return fault(scan, scan->here.line, "a NUL byte in this string");
	return copy_until(scan, end + 1);
}

static int copy_comment(struct scan *scan)
{
	const char *end = memmem(scan->at + 2, (size_t)(scan->end - scan->at) - 2, "*/", 2);

	if (!end)
		return fault(scan, scan->here.line, "this comment has no end");
	/* Its text does not matter, its lines do. */
	for (int ret; scan->at < end + 2;) {
		if (*scan->at != '\n') {
			scan->at++;
			continue;
		}
		ret = copy(scan);
		if (ret)
			return ret;
	}
	putc(' ', scan->out);
	return 0;
}

/* What libconfig would make of an integer. */
enum integer {
	INTEGER_NOT, /* it is none */
	INTEGER_FITS,
	INTEGER_LONG, /* needs the suffix, and has none */
	INTEGER_TOO_LONG
};

static enum integer integer_of(const char *word)
{
	bool hex = word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
	const char *digits = hex ? word + 2 : word + (*word == '-' || *word == '+');
	const char *rest = digits + strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789");
	long long value;

	if (rest == digits || (*rest && strcmp(rest, "L") && strcmp(rest, "LL")))
		return INTEGER_NOT;
	errno = 0;
	value = strtoll(word, NULL, hex ? 16 : 10);
	if (errno)
		return INTEGER_TOO_LONG;
	return *rest || (value >= INT_MIN && value <= INT_MAX) ? INTEGER_FITS : INTEGER_LONG;
}

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '*' || c == '.';
}

/* A name, a number, or what is neither: libconfig refuses it. */
static int copy_word(struct scan *scan)
{
	const char *end = scan->at + 1;
	enum integer integer;
	char word[64];
	int ret;

	while (end < scan->end && in_word(*end))
		end++;
	snprintf(word, sizeof(word), "%.*s", (int)(end - scan->at), scan->at);
	integer = integer_of(word);
	if (integer == INTEGER_TOO_LONG)
		return error_set(scan->err, -EINVAL, "%s:%u: %s is too large", file_name(scan),
				 scan->here.line, word);
	ret = copy_until(scan, end);
	if (integer == INTEGER_LONG)
		putc('L', scan->out);
	return ret;
}

static int copy_token(struct scan *scan)
{
	size_t left = (size_t)(scan->end - scan->at);
	char c = *scan->at;

	if (!c)
		return fault(scan, scan->here.line, "a NUL byte: this is not a text");
	if (c == '"')
		return copy_string(scan);
	if (c == '#' || (left > 1 && !memcmp(scan->at, "//", 2))) {
		while (scan->at < scan->end && *scan->at != '\n')
			scan->at++;
		return 0;
	}
	if (left > 1 && !memcmp(scan->at, "/*", 2))
		return copy_comment(scan);
	return in_word(c) || c == '+' ? copy_word(scan) : copy(scan);
}

/* All of a file; -errno. *@text is the caller's. */
static int file_read(const char *path, size_t max, char **text, size_t *len)
{
	FILE *file = fopen(path, "re"), *out;
	char buf[16384];
	int ret = 0;
	size_t n;

	if (!file)
		return -errno;
	*text = NULL;
	out = open_memstream(text, len);
	if (!out) {
		fclose(file);
		return -ENOMEM;
	}
	while (!ret && (n = fread(buf, 1, sizeof(buf), file)) > 0) {
		if (n > max)
			ret = -EFBIG;
		else if (fwrite(buf, 1, n, out) != n)
			ret = -ENOMEM;
		max -= n;
	}
	if (!ret && ferror(file))
		ret = errno ? -errno : -EIO;
	if (fclose(out) && !ret)
		ret = -ENOMEM;
	fclose(file);
	if (ret)
		free(*text);
	return ret;
}

static int scan_text(struct scan *scan, const char *name, const char *text, size_t len);

/* Puts the file of this name in the place of the directive at @scan. */
static int include(struct scan *scan, const char *name, size_t name_len)
{
	const char *self = file_name(scan), *slash = strrchr(self, '/');
	int dir_len = *name == '/' || !slash ? 0 : (int)(slash - self) + 1, ret;
	struct scan inner = *scan;
	char path[PATH_MAX], *text;
	size_t len;

	if (!scan->includes)
		return fault(scan, scan->here.line, "@include works in files only");
	if (++inner.depth > NESTING_MAX || scan->source->files_len == FILES_MAX)
		return fault(scan, scan->here.line,
			     "too many files included: does one of them include itself?");
	snprintf(path, sizeof(path), "%.*s%.*s", dir_len, self, (int)name_len, name);
	ret = file_read(path, BYTES_MAX - scan->source->bytes, &text, &len);
	if (ret)
		return error_set(scan->err, ret, "%s:%u: cannot include %s: %s", self,
				 scan->here.line, path, strerror(-ret));
	ret = scan_text(&inner, path, text, len);
	free(text);
	return ret;
}

/* At the begin of a line: does it include a file? Then that, and the rest of the line is left. */
static int scan_include(struct scan *scan)
{
	static const char directive[] = "@include";
	const char *at = scan->at, *name, *quote;
	int ret;

	while (at < scan->end && (*at == ' ' || *at == '\t'))
		at++;
	if ((size_t)(scan->end - at) < strlen(directive) ||
	    strncmp(at, directive, strlen(directive)))
		return 0;
	at += strlen(directive);
	while (at < scan->end && (*at == ' ' || *at == '\t'))
		at++;
	name = at + 1;
	quote = at < scan->end && *at == '"' ? memchr(name, '"', (size_t)(scan->end - name)) : NULL;
	if (!quote || quote == name || memchr(name, '\n', (size_t)(quote - name)))
		return fault(scan, scan->here.line, "@include wants the name of a file in quotes");
	ret = include(scan, name, (size_t)(quote - name));
	if (ret)
		return ret;
	scan->at = quote + 1;
	putc('\n', scan->out);
	return line_begin(scan);
}

/* Adds a text that is called @name. */
static int scan_text(struct scan *scan, const char *name, const char *text, size_t len)
{
	struct source *source = scan->source;
	bool begin = true;
	int ret = 0;

	scan->here = (struct origin){.file = source->files_len, .line = 1};
	source->files[source->files_len] = strdup(name);
	if (!source->files[source->files_len])
		return no_memory(scan->err);
	source->files_len++;
	source->bytes += len;
	source->origins[source->lines - 1] = scan->here;
	scan->at = text;
	scan->end = text + len;
	while (!ret && scan->at < scan->end) {
		if (begin)
			ret = scan_include(scan);
		if (ret || scan->at == scan->end)
			break;
		begin = *scan->at == '\n';
		ret = copy_token(scan);
	}
	return ret;
}

static int source_build(const char *name, const char *text, size_t len, bool includes,
			struct source **out, struct error *err)
{
	struct source *source = calloc(1, sizeof(*source));
	struct scan scan = {.source = source, .includes = includes, .err = err};
	int ret;

	if (!source)
		return no_memory(err);
	scan.out = open_memstream(&source->text, &source->len);
	ret = scan.out ? line_begin(&scan) : no_memory(err);
	if (!ret)
		ret = scan_text(&scan, name, text, len);
	if (!ret && ferror(scan.out))
		ret = no_memory(err);
	if (scan.out && fclose(scan.out) && !ret)
		ret = no_memory(err);
	if (ret)
		source_free(source);
	else
		*out = source;
	return ret;
}

int source_load(const char *path, struct source **out, struct error *err)
{
	char *text;
	size_t len;
	int ret = file_read(path, BYTES_MAX, &text, &len);

	if (ret)
		return error_set(err, ret, "%s: %s", path, strerror(-ret));
	ret = source_build(path, text, len, true, out, err);
	free(text);
	return ret;
}

int source_parse(const char *text, const char *name, struct source **out, struct error *err)
{
	return source_build(name, text, strlen(text), false, out, err);
}

void source_free(struct source *source)
{
	if (!source)
		return;
	for (unsigned int i = 0; i < source->files_len; i++)
		free(source->files[i]);
	free(source->origins);
	free(source->text);
	free(source);
}

const char *source_text(const struct source *source)
{
	return source->text;
}

struct place source_place(const struct source *source, unsigned int line)
{
	size_t i = line ? line - 1 : 0;
	const struct origin *origin = &source->origins[i < source->lines ? i : source->lines - 1];

	return (struct place){.file = source->files[origin->file], .line = origin->line};
}
