// SPDX-License-Identifier: BSD-3-Clause
#include "logbook.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cat_cleanup.h"
#include "cat_file.h"
#include "manager.h"

#define SOURCE_MAX 64
// Between two returns to the loop: a process that writes without end must not keep the manager busy.
#define READS_PER_ROUND 16
// So much is written meanwhile at most before lines are lost, when the manager is away.
#define PIPE_BYTES (1 << 20)
// Of an existing file its end is read again.
#define RELOAD_BYTES (256 << 10)
#define STAMP_LENGTH 24 // 2024-01-31T12:00:00.000Z

struct line {
	int64_t time_ms;
	char source[SOURCE_MAX];
	char *text;
};

struct logbook {
	char *path, *older;
	int fd;
	off_t size;
	uint64_t next;
	void (*news)(void *user);
	void *news_user;
	void (*sink)(void *user, int64_t time_ms, const char *source, const char *text);
	void *sink_user;
	struct line line[LOGBOOK_LINES];
};

struct log_pipe {
	struct logbook *book;
	struct cat_source *source;
	int fd;
	char name[SOURCE_MAX];
	size_t used;
	char buffer[LOGBOOK_LINE_MAX];
};

static int open_file(struct logbook *book, struct cat_err *err)
{
	book->fd = open(book->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	struct stat st;
	if (book->fd < 0 || fstat(book->fd, &st) < 0)
		return cat_err_errno(err, "%s", book->path);
	book->size = st.st_size;
	return 0;
}

static void put_line(struct logbook *book, int64_t time_ms, const char *source, size_t source_length, const char *text)
{
	struct line *slot = &book->line[book->next % LOGBOOK_LINES];
	free(slot->text);
	slot->text = strndup(text, LOGBOOK_LINE_MAX);
	if (!slot->text)
		return;
	// Control bytes of a log would be commands to the terminal that shows it.
	for (char *p = slot->text; *p; p++)
		if ((unsigned char)*p < ' ' && *p != '\t')
			*p = '?';
	snprintf(slot->source, sizeof(slot->source), "%.*s", (int)source_length, source);
	slot->time_ms = time_ms;
	book->next++;
}

// A line as write_file writes it; anything else is passed over.
static void reload_line(struct logbook *book, const char *line)
{
	struct tm tm = {0};
	const char *rest = strptime(line, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest || strlen(line) < STAMP_LENGTH + 1 || *rest != '.' || line[STAMP_LENGTH - 1] != 'Z')
		return;
	const char *source = line + STAMP_LENGTH + 1, *text = strstr(source, ": ");
	if (text)
		put_line(book, (int64_t)timegm(&tm) * 1000 + atoi(rest + 1), source, (size_t)(text - source), text + 2);
}

// What a manager before this one wrote.
static void reload(struct logbook *book)
{
	cat_autofd int fd = open(book->path, O_RDONLY | O_CLOEXEC);
	cat_autofree char *text = malloc(RELOAD_BYTES + 1);
	off_t from = book->size > RELOAD_BYTES ? book->size - RELOAD_BYTES : 0;
	ssize_t n = fd >= 0 && text ? pread(fd, text, RELOAD_BYTES, from) : -1;
	if (n <= 0)
		return;
	text[n] = 0;
	char *line = text;
	// The first one may be half.
	if (from)
		line = strchr(text, '\n');
	for (char *save = NULL, *next = line ? strtok_r(line, "\n", &save) : NULL; next;
	     next = strtok_r(NULL, "\n", &save))
		reload_line(book, next);
}

struct logbook *logbook_create(const char *path, struct cat_err *err)
{
	struct logbook *book = calloc(1, sizeof(*book));
	if (book) {
		book->fd = -1;
		book->next = 1;
		book->path = cat_format("%s", path);
		book->older = cat_format("%s.1", path);
	}
	if (!book || !book->path || !book->older) {
		cat_err_set(err, -ENOMEM, "%s: no memory", path);
		logbook_destroy(book);
		return NULL;
	}
	if (open_file(book, err) < 0) {
		logbook_destroy(book);
		return NULL;
	}
	reload(book);
	return book;
}

void logbook_destroy(struct logbook *book)
{
	if (!book)
		return;
	for (size_t i = 0; i < LOGBOOK_LINES; i++)
		free(book->line[i].text);
	if (book->fd >= 0)
		close(book->fd);
	free(book->path);
	free(book->older);
	free(book);
}

static void write_file(struct logbook *book, const struct line *line)
{
	if (book->fd < 0)
		return;
	char stamp[32];
	time_t seconds = (time_t)(line->time_ms / 1000);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	cat_autofree char *text =
		cat_format("%s.%03dZ %s: %s\n", stamp, (int)(line->time_ms % 1000), line->source, line->text);
	ssize_t n = text ? write(book->fd, text, strlen(text)) : -1;
	if (n > 0)
		book->size += n;
	if (book->size < LOGBOOK_FILE_MAX)
		return;
	close(book->fd);
	book->fd = -1;
	rename(book->path, book->older);
	open_file(book, NULL);
}

void logbook_add(struct logbook *book, const char *source, const char *line)
{
	uint64_t number = book->next;
	put_line(book, wall_ms(), source, strlen(source), line);
	if (book->next == number)
		return;
	const struct line *added = &book->line[number % LOGBOOK_LINES];
	write_file(book, added);
	if (book->sink)
		book->sink(book->sink_user, added->time_ms, added->source, added->text);
	if (book->news)
		book->news(book->news_user);
}

void logbook_set_news(struct logbook *book, void (*news)(void *user), void *user)
{
	book->news = news;
	book->news_user = user;
}

void logbook_set_sink(struct logbook *book,
		      void (*sink)(void *user, int64_t time_ms, const char *source, const char *text), void *user)
{
	book->sink = sink;
	book->sink_user = user;
}

uint64_t logbook_next(const struct logbook *book)
{
	return book->next;
}

static const struct line *find(const struct logbook *book, uint64_t number, const char *source)
{
	if (!number || number >= book->next || book->next - number > LOGBOOK_LINES)
		return NULL;
	const struct line *line = &book->line[number % LOGBOOK_LINES];
	return line->text && (!source || !strcmp(line->source, source)) ? line : NULL;
}

struct cat_node *logbook_line(const struct logbook *book, uint64_t number, const char *source)
{
	const struct line *line = find(book, number, source);
	if (!line)
		return NULL;
	cat_autonode struct cat_node *map = cat_node_new_map();
	if (!map || !cat_node_add_int(map, "n", (int64_t)number) || !cat_node_add_int(map, "time_ms", line->time_ms) ||
	    !cat_node_add_string(map, "source", line->source) || !cat_node_add_string(map, "line", line->text))
		return NULL;
	return cat_steal(map);
}

uint64_t logbook_tail(const struct logbook *book, const char *source, unsigned lines)
{
	uint64_t number = book->next;
	uint64_t first = book->next > LOGBOOK_LINES ? book->next - LOGBOOK_LINES : 1;
	while (number > first && lines)
		if (find(book, --number, source))
			lines--;
	return number;
}

const char *logbook_last(const struct logbook *book, const char *source)
{
	const struct line *line = find(book, logbook_tail(book, source, 1), source);
	return line ? line->text : NULL;
}

static void end_line(struct log_pipe *pipe)
{
	pipe->buffer[pipe->used] = 0;
	if (pipe->used)
		logbook_add(pipe->book, pipe->name, pipe->buffer);
	pipe->used = 0;
}

// False: the writing end is closed.
static bool read_some(struct log_pipe *pipe)
{
	for (int i = 0; i < READS_PER_ROUND; i++) {
		char chunk[4096];
		ssize_t n = read(pipe->fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0;
		for (ssize_t j = 0; j < n; j++) {
			if (chunk[j] != '\n')
				pipe->buffer[pipe->used++] = chunk[j] ? chunk[j] : '?';
			if (chunk[j] == '\n' || pipe->used == sizeof(pipe->buffer) - 1)
				end_line(pipe);
		}
	}
	return true;
}

static void on_output(void *user, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	struct log_pipe *pipe = user;
	if (!read_some(pipe)) {
		cat_source_remove(pipe->source);
		pipe->source = NULL;
	}
}

struct log_pipe *log_pipe_adopt(struct cat_loop *loop, struct logbook *book, const char *source, int fd,
				struct cat_err *err)
{
	cat_autofd int owned = fd;
	struct log_pipe *pipe = calloc(1, sizeof(*pipe));
	if (!pipe) {
		cat_err_set(err, -ENOMEM, "log pipe: no memory");
		return NULL;
	}
	pipe->book = book;
	pipe->fd = fd;
	snprintf(pipe->name, sizeof(pipe->name), "%s", source);
	pipe->source = cat_loop_add_fd(loop, fd, EPOLLIN, on_output, pipe, err);
	if (!pipe->source) {
		free(pipe);
		return NULL;
	}
	cat_steal_fd(owned);
	return pipe;
}

struct log_pipe *log_pipe_create(struct cat_loop *loop, struct logbook *book, const char *source, int *ret_write_fd,
				 struct cat_err *err)
{
	int fds[2];
	// Neither end blocks: who writes must not stand still because the manager is busy, or away.
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		cat_err_errno(err, "log pipe");
		return NULL;
	}
	fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES); // refused: a smaller one serves too
	struct log_pipe *pipe = log_pipe_adopt(loop, book, source, fds[0], err);
	if (pipe)
		*ret_write_fd = fds[1];
	else
		close(fds[1]);
	return pipe;
}

int log_pipe_fd(const struct log_pipe *pipe)
{
	return pipe->fd;
}

void log_pipe_flush(struct log_pipe *pipe)
{
	if (pipe)
		read_some(pipe);
}

void log_pipe_close(struct log_pipe *pipe)
{
	if (!pipe)
		return;
	read_some(pipe);
	end_line(pipe);
	cat_source_remove(pipe->source);
	close(pipe->fd);
	free(pipe);
}
