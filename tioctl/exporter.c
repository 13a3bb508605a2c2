/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * tiod-exporter: tiod's metrics over HTTP.  A program of its own, without privileges, so that
 * no byte from the network comes near the daemon: it asks tiod over its socket, once a second
 * at most, however often it is asked itself.  Serves the socket that the service manager
 * passes, or its own.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <microhttpd.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/accept.h"
#include "tioctl/client.h"
#include "tioctl/failure.h"
#include "tioctl/field.h"

#define LISTEN_PRESET "127.0.0.1:9847"
#define BACKLOG       64

/* A scraper needs one connection; what reads slowly or says nothing must not take them all. */
#define CONNECTIONS_MAX        32
#define CONNECTIONS_PER_IP     16
#define CONNECTION_TIMEOUT_S   15
#define CONNECTION_MEMORY_SIZE (16u * 1024)

/* Prometheus waits 10 s by default: it should still hear why there is nothing. */
#define PATIENCE_MS 5000
#define SEND_S      2

/* Whoever asks more often is told what the last one was. */
#define FRESH_MS 1000

#define TYPE_TEXT       "text/plain; charset=utf-8"
#define TYPE_PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_OPEN       "application/openmetrics-text; version=1.0.0; charset=utf-8"

#define ROOT_TEXT "tiod-exporter: what tiod tells a monitoring system is at /metrics\n"

struct answer {
	unsigned status;
	const char *type;
	char *body; /* owned */
};

/* The last answer about metrics. */
struct page {
	struct answer answer;
	int64_t at_ms; /* monotonic, when it came; 0: there is none */
};

struct exporter {
	const char *socket;   /* tiod's */
	struct page pages[2]; /* Prometheus' text and OpenMetrics; of the one HTTP thread */
};

/* --- tiod --- */

#define FIX_LATER   "tiod may be overloaded or stuck: see \"journalctl -u tiod\""
#define FIX_VERSION "is it tiod that listens there, and of the same version?"

/* Whatever goes wrong ends up in @reply as an error. */
static void call_tiod(const struct exporter *exporter, bool openmetrics, struct reply *reply)
{
	json_t *parameters = must(json_pack("{s:b}", "openMetrics", openmetrics));
	struct client client;

	client_init(&client, exporter->socket);
	client.send_s = SEND_S;
	if (client_send(&client, "io.tiod.GetMetrics", parameters, false, reply) == 0 &&
	    !client_next(&client, PATIENCE_MS, reply)) {
		text_copy(reply->error, sizeof(reply->error), FAILURE_SILENT);
		reply->parameters = failure_new(FIX_LATER, "tiod did not answer within %d s",
						PATIENCE_MS / 1000);
	}
	client_finish(&client);
	if (!reply->error[0] && !*field_text(reply->parameters, "text")) {
		reply_finish(reply);
		text_copy(reply->error, sizeof(reply->error), FAILURE_MALFORMED);
		reply->parameters = failure_new(FIX_VERSION, "the answer holds no metrics");
	}
}

static char *failure_line(const struct reply *reply)
{
	const char *sentence, *fix;
	char *line;

	failure_describe(reply->error, reply->parameters, &sentence, &fix);
	if (asprintf(&line, "%s%s%s%s\n", sentence, *fix ? " (" : "", fix, *fix ? ")" : "") < 0)
		abort();
	return line;
}

static struct answer ask_tiod(const struct exporter *exporter, bool openmetrics)
{
	auto_reply struct reply reply = { 0 };

	call_tiod(exporter, openmetrics, &reply);
	if (reply.error[0])
		return (struct answer){ MHD_HTTP_SERVICE_UNAVAILABLE, TYPE_TEXT,
					failure_line(&reply) };
	return (struct answer){ MHD_HTTP_OK, openmetrics ? TYPE_OPEN : TYPE_PROMETHEUS,
				must(strdup(field_text(reply.parameters, "text"))) };
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A failure is kept like a page: a tiod that hangs must not be waited for by each scrape. */
static struct answer answer_metrics(struct exporter *exporter, const char *accept)
{
	bool openmetrics = accept_wants_openmetrics(accept);
	struct page *page = &exporter->pages[openmetrics];
	struct answer answer;

	if (!page->at_ms || now_ms() - page->at_ms >= FRESH_MS) {
		free(page->answer.body);
		page->answer = ask_tiod(exporter, openmetrics);
		page->at_ms = now_ms();
	}
	answer = page->answer;
	answer.body = must(strdup(answer.body));
	return answer;
}

/* --- HTTP --- */

static struct answer answer_text(unsigned status, const char *text)
{
	return (struct answer){ status, TYPE_TEXT, must(strdup(text)) };
}

static struct answer answer_for(struct exporter *exporter, const char *url, const char *method,
				const char *accept)
{
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return answer_text(MHD_HTTP_METHOD_NOT_ALLOWED,
				   "only GET and HEAD are served\n");
	if (strcmp(url, "/metrics") == 0)
		return answer_metrics(exporter, accept);
	if (strcmp(url, "/") == 0)
		return answer_text(MHD_HTTP_OK, ROOT_TEXT);
	return answer_text(MHD_HTTP_NOT_FOUND, "there is only /metrics\n");
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer *answer)
{
	struct MHD_Response *response;
	enum MHD_Result done;

	response = MHD_create_response_from_buffer(strlen(answer->body), answer->body,
						   MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(answer->body);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT);
	if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	done = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return done;
}

/* Called once when the head of a request is there, then for each part of a body, then to end.
 */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **state)
{
	static char seen;
	struct answer answer;

	if (!*state) {
		*state = &seen;
		return MHD_YES;
	}
	if (*size) {
		*size = 0; /* nobody asked for a body */
		return MHD_YES;
	}
	answer = answer_for(arg, url, method,
			    MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							MHD_HTTP_HEADER_ACCEPT));
	return send_answer(connection, &answer);
}

/* --- The listening socket --- */

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "tiod-exporter: %s: %s\n", what, why);
	return -1;
}

/* What the service manager passed; 0: nothing. */
static int take_passed(int *ret)
{
	int n = sd_listen_fds(1);

	if (n == 0)
		return 0;
	if (n != 1 || sd_is_socket(SD_LISTEN_FDS_START, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
		return fail("cannot use what was passed",
			    "exactly one listening stream socket is understood: give "
			    "tiod-exporter.socket one ListenStream=");
	*ret = SD_LISTEN_FDS_START;
	return 1;
}

static int listen_at(const struct addrinfo *at)
{
	auto_close int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return take_fd(&fd);
}

/* "ADDRESS:PORT", "[ADDRESS]:PORT" or "PORT"; names are not looked up. */
static int make_socket(const char *where, int *ret)
{
	const struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	const char *colon = strrchr(where, ':');
	struct addrinfo *found = NULL;
	char address[64] = "";
	uint64_t port;
	size_t length = colon ? (size_t)(colon - where) : 0;
	int r;

	if (length >= 2 && where[0] == '[' && colon[-1] == ']')
		text_append(address, sizeof(address), "%.*s", (int)length - 2, where + 1);
	else
		text_append(address, sizeof(address), "%.*s", (int)length, where);
	r = getaddrinfo(address[0] ? address : NULL, colon ? colon + 1 : where, &hints, &found);
	if (r != 0)
		return fail(where, "is not ADDRESS:PORT with numbers in both");
	/* getaddrinfo() takes 99999 for 34463. */
	if (text_to_u64(colon ? colon + 1 : where, 10, &port) < 0 || port > UINT16_MAX) {
		freeaddrinfo(found);
		return fail(where, "has a port above 65535");
	}
	*ret = listen_at(found);
	freeaddrinfo(found);
	if (*ret < 0)
		return fail(where, strerror(-*ret));
	return 0;
}

/* A client that went away again must not leave the server waiting for the next. */
static int unblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return fail("cannot make the socket non-blocking", strerror(errno));
	return 0;
}

static int open_socket(const char *where, int *ret)
{
	int r = take_passed(ret);

	if (r == 0)
		r = make_socket(where ?: LISTEN_PRESET, ret);
	return r < 0 ? r : unblock(*ret);
}

/* --- The process --- */

static int usage(FILE *to)
{
	fprintf(to, "tiod-exporter [OPTION…]: tiod's metrics over HTTP, at /metrics\n\n"
		    "  --listen=ADDRESS:PORT  where, unless a socket is passed (" LISTEN_PRESET
		    ")\n"
		    "  --socket=PATH          tiod's socket (" CLIENT_SOCKET ")\n"
		    "  --version, --help\n");
	return to == stderr ? EXIT_USAGE : EXIT_DONE;
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct exporter *exporter, const char **listen)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "socket", required_argument, NULL, 's' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (c == 'l')
			*listen = optarg;
		else if (c == 's')
			exporter->socket = optarg;
		else if (c == 'v')
			return printf("tiod-exporter %s\n", TIOD_VERSION) < 0;
		else
			return usage(c == 'h' ? stdout : stderr);
	}
	return optind < argc ? usage(stderr) : -1;
}

static int serve(struct exporter *exporter, int fd)
{
	struct MHD_Daemon *http;
	int signal_number;
	sigset_t ends;

	/* Blocked before there are threads: none but this one is told to end. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);

	http = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, on_request,
		exporter, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_PER_IP, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)CONNECTION_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY_SIZE, MHD_OPTION_END);
	if (!http) {
		fail("cannot serve HTTP", strerror(errno));
		return EXIT_FAILED;
	}
	sd_notify(0, "READY=1");
	sigwait(&ends, &signal_number);
	/* Else it would shut the socket down, which is the service manager's, for everybody. */
	(void)MHD_quiesce_daemon(http);
	MHD_stop_daemon(http);
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct exporter exporter = { .socket = CLIENT_SOCKET };
	const char *listen = NULL;
	int fd = -1, status;

	status = parse(argc, argv, &exporter, &listen);
	if (status >= 0)
		return status;
	if (open_socket(listen, &fd) < 0)
		return EXIT_FAILED;
	status = serve(&exporter, fd);
	for (size_t i = 0; i < ARRAY_SIZE(exporter.pages); i++)
		free(exporter.pages[i].answer.body);
	return status;
}
