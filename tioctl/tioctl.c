/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tioctl/tioctl.h"

#include "base/text.h"
#include "tioctl/field.h"

int tioctl_document(struct tioctl *t, json_t *document)
{
	/* First, so that a reader knows what follows before it follows. */
	auto_json json_t *whole = must(json_object());
	auto_json json_t *rest = document;

	json_object_set_new(whole, "schema", must(json_integer(TIOCTL_SCHEMA)));
	if (json_object_update(whole, rest) < 0 ||
	    json_dumpf(whole, t->out.file,
		       JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15)) < 0)
		return EXIT_FAILED;
	fputc('\n', t->out.file);
	return EXIT_DONE;
}

int tioctl_fail(struct tioctl *t, const struct reply *reply)
{
	json_t *document;

	failure_print(&t->err, reply->error, reply->parameters, NULL);
	if (t->json) {
		document = must(json_object());
		json_object_set_new(document, "error",
				    failure_document(reply->error, reply->parameters));
		tioctl_document(t, document);
	}
	return failure_exit_code(reply->error);
}

/* Makes @reply the failure that it is when the answer lacks @key. */
static void miss(struct reply *reply, const char *method, const char *key)
{
	reply_finish(reply);
	text_copy(reply->error, sizeof(reply->error), FAILURE_MALFORMED);
	reply->parameters = failure_new("are tioctl and tiod of the same version?",
					"the answer to %s does not hold \"%s\"", method, key);
}

static void miss_all(const struct client *client, struct reply *reply)
{
	text_copy(reply->error, sizeof(reply->error), FAILURE_SILENT);
	reply->parameters = failure_new("see \"journalctl -u tiod\"",
					"tiod did not answer within %d s",
					client->patience_ms / 1000);
}

int tioctl_silent(struct tioctl *t)
{
	auto_reply struct reply reply = { 0 };

	miss_all(&t->client, &reply);
	return tioctl_fail(t, &reply);
}

int tioctl_malformed(struct tioctl *t, const char *method, const char *key)
{
	auto_reply struct reply reply = { 0 };

	miss(&reply, method, key);
	return tioctl_fail(t, &reply);
}

static void wait_for_answer(struct client *client, const struct call *call, struct reply *reply)
{
	if (!client_next(client, client->patience_ms, reply))
		miss_all(client, reply);
	if (reply->error[0])
		return;
	if (call->list && !json_is_array(json_object_get(reply->parameters, call->list)))
		miss(reply, call->method, call->list);
	else if (call->object &&
		 !json_is_object(json_object_get(reply->parameters, call->object)))
		miss(reply, call->method, call->object);
}

int tioctl_ask(struct tioctl *t, const struct call *call, struct reply *reply)
{
	if (client_send(&t->client, call->method, call->parameters, false, reply) == 0)
		wait_for_answer(&t->client, call, reply);
	return reply->error[0] ? failure_exit_code(reply->error) : EXIT_DONE;
}

int tioctl_call(struct tioctl *t, const struct call *call, json_t **ret)
{
	auto_reply struct reply reply = { 0 };

	if (tioctl_ask(t, call, &reply) != EXIT_DONE)
		return tioctl_fail(t, &reply);
	*ret = json_incref(reply.parameters);
	return EXIT_DONE;
}
