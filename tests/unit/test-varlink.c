/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "idl.h"
#include "interface.h"
#include "wire.h"

/* --- Framing --- */

Test(wire, messages_are_taken_one_after_the_other)
{
	const char data[] = "{}\0{\"a\":1}\0{";
	size_t seen = 0, length = 0;

	cr_assert(eq(int, wire_next(data, sizeof(data) - 1, &seen, &length), 1));
	cr_expect(eq(sz, length, 3));
	cr_assert(eq(int, wire_next(data + 3, sizeof(data) - 4, &seen, &length), 1));
	cr_expect(eq(sz, length, 8));
	cr_expect(eq(int, wire_next(data + 11, sizeof(data) - 12, &seen, &length), 0));
	cr_expect(eq(sz, seen, 1));
}

Test(wire, a_message_that_comes_byte_by_byte_is_looked_at_once)
{
	char data[] = "{\"a\":1}";
	size_t seen = 0, length = 0;

	for (size_t size = 0; size < sizeof(data) - 1; size++) {
		cr_assert(eq(int, wire_next(data, size, &seen, &length), 0));
		cr_expect(eq(sz, seen, size));
	}
	cr_assert(eq(int, wire_next(data, sizeof(data), &seen, &length), 1));
	cr_expect(eq(sz, length, sizeof(data)));
	cr_expect(eq(sz, seen, 0));
}

Test(wire, the_limit_is_one_mib_with_the_nul)
{
	char *data = malloc(WIRE_MESSAGE_MAX + 1);
	size_t seen = 0, length = 0;

	memset(data, 'x', WIRE_MESSAGE_MAX + 1);
	cr_expect(eq(int, wire_next(data, WIRE_MESSAGE_MAX - 1, &seen, &length), 0));
	cr_expect(eq(int, wire_next(data, WIRE_MESSAGE_MAX, &seen, &length), -EMSGSIZE));
	seen = 0;
	data[WIRE_MESSAGE_MAX - 1] = '\0';
	cr_expect(eq(int, wire_next(data, WIRE_MESSAGE_MAX, &seen, &length), 1));
	seen = 0;
	data[WIRE_MESSAGE_MAX - 1] = 'x';
	data[WIRE_MESSAGE_MAX] = '\0';
	cr_expect(eq(int, wire_next(data, WIRE_MESSAGE_MAX + 1, &seen, &length), -EMSGSIZE));
	free(data);
}

/* --- Calls --- */

struct call_case {
	char text[160];
	char method[40]; /* "": refused */
	bool more, oneway;
	int parameters;
};

ParameterizedTestParameters(wire, calls_are_taken_apart_or_refused)
{
	static struct call_case cases[] = {
		{ "{\"method\":\"a.B\"}", "a.B", false, false, 0 },
		{ "{\"method\":\"a.B\",\"parameters\":null}", "a.B", false, false, 0 },
		{ "{\"method\":\"a.B\",\"parameters\":{}}", "a.B", false, false, 0 },
		{ "{\"method\":\"a.B\",\"parameters\":{\"x\":1}}", "a.B", false, false, 1 },
		{ "{\"method\":\"a.B\",\"more\":true}", "a.B", true, false, 0 },
		{ "{\"method\":\"a.B\",\"oneway\":true}", "a.B", false, true, 0 },
		{ "{\"method\":\"a.B\",\"more\":false,\"upgrade\":false}", "a.B", false, false,
		  0 },
		{ " {\"method\":\"a.B\"} ", "a.B", false, false, 0 },
		{ "{\"method\":\"a.B\",\"more\":true,\"oneway\":true}", "", false, false, 0 },
		{ "{\"method\":\"a.B\",\"upgrade\":true}", "", false, false, 0 },
		{ "{\"method\":\"a.B\",\"more\":1}", "", false, false, 0 },
		{ "{\"method\":\"a.B\",\"more\":null}", "", false, false, 0 },
		{ "{\"method\":\"a.B\",\"vendor\":1}", "", false, false, 0 },
		{ "{\"method\":\"a.B\",\"method\":\"a.C\"}", "", false, false, 0 },
		{ "{\"method\":\"a.B\",\"parameters\":{\"x\":1,\"x\":2}}", "", false, false,
		  0 },
		{ "{\"method\":\"a.B\",\"parameters\":[]}", "", false, false, 0 },
		{ "{\"method\":\"a.B\",\"parameters\":{\"x\":\"\\u0000\"}}", "", false, false,
		  0 },
		{ "{\"method\":\"nodot\"}", "", false, false, 0 },
		{ "{\"method\":7}", "", false, false, 0 },
		{ "{\"parameters\":{}}", "", false, false, 0 },
		{ "{}", "", false, false, 0 },
		{ "[]", "", false, false, 0 },
		{ "null", "", false, false, 0 },
		{ "", "", false, false, 0 },
		{ "{\"method\":\"a.B\"}{}", "", false, false, 0 },
		{ "{\"method\":\"a.B\"", "", false, false, 0 },
		{ "{\"method\":\"\xff\xfe.B\"}", "", false, false, 0 },
	};

	return cr_make_param_array(struct call_case, cases, ARRAY_SIZE(cases));
}

ParameterizedTest(struct call_case *c, wire, calls_are_taken_apart_or_refused)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct wire_call call = { 0 };
	int r = wire_parse_call(c->text, strlen(c->text), &call, &err);

	if (!c->method[0]) {
		cr_expect(eq(int, r, -EPROTO), "%s", c->text);
		cr_expect(ne(str, err.text, ""), "%s", c->text);
		return;
	}
	cr_assert(eq(int, r, 0), "%s: %s", c->text, err.text);
	cr_expect(eq(str, call.method, c->method));
	cr_expect(eq(int, call.more, c->more));
	cr_expect(eq(int, call.oneway, c->oneway));
	cr_assert(ne(ptr, call.parameters, NULL));
	cr_expect(eq(sz, json_object_size(call.parameters), (size_t)c->parameters));
	wire_call_finish(&call);
}

Test(wire, a_method_name_that_is_too_long_is_refused)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct wire_call call;
	auto_text struct text text = { 0 };

	text_add(&text, "{\"method\":\"a.%0*d\"}", WIRE_METHOD_MAX, 0);
	cr_expect(eq(int, wire_parse_call(text.data, text.length, &call, &err), -EPROTO));
}

Test(wire, deep_nesting_is_refused_and_not_followed)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct wire_call call;
	auto_text struct text text = { 0 };

	text_add(&text, "{\"method\":\"a.B\",\"parameters\":{\"x\":");
	for (int i = 0; i < 100000; i++)
		text_add(&text, "[");
	cr_expect(eq(int, wire_parse_call(text.data, text.length, &call, &err), -EPROTO));
}

static void expect_reply(json_t *parameters, const char *error, bool continues,
			 const char *expected)
{
	size_t length = 0;
	char *text = wire_reply(parameters, error, continues, &length);

	cr_assert(ne(ptr, text, NULL));
	cr_expect(eq(str, text, (char *)expected));
	cr_expect(eq(sz, length, strlen(expected) + 1));
	free(text);
}

Test(wire, replies_have_no_key_too_many)
{
	expect_reply(NULL, NULL, false, "{}");
	expect_reply(json_object(), NULL, false, "{}");
	expect_reply(json_pack("{si}", "a", 1), NULL, false, "{\"parameters\":{\"a\":1}}");
	expect_reply(json_pack("{si}", "a", 1), NULL, true,
		     "{\"parameters\":{\"a\":1},\"continues\":true}");
	expect_reply(NULL, "a.E", false, "{\"error\":\"a.E\"}");
}

/* --- The description --- */

Test(idl, the_interfaces_that_are_built_in_can_be_read)
{
	const char *texts[] = { interface_io_tiod, interface_org_varlink_service };
	const char *names[] = { "io.tiod", "org.varlink.service" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct tio_error err = TIO_ERROR_NONE;
		struct idl idl = { 0 };

		cr_assert(eq(int, idl_parse(texts[i], &idl, &err), 0), "%s", err.text);
		cr_expect(eq(str, idl.interface, (char *)names[i]));
		cr_expect(gt(sz, idl.n_methods, 1));
		idl_finish(&idl);
	}
}

Test(idl, mistakes_are_told_with_their_line)
{
	const char *wrong[] = {
		"",
		"interface",
		"interface a.b\nfoo Bar()",
		"interface a.b\nmethod Foo(",
		"interface a.b\nmethod Foo() ->",
		"interface a.b\nmethod Foo() -> (",
		"interface a.b\nmethod Foo(a) -> ()",
		"interface a.b\nmethod Foo(a: ) -> ()",
		"interface a.b\nmethod Foo(a: int b: int) -> ()",
		"interface a.b\ntype X",
		"interface a.b\nerror ()",
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct tio_error err = TIO_ERROR_NONE;
		struct idl idl = { 0 };

		cr_expect(eq(int, idl_parse(wrong[i], &idl, &err), -EINVAL), "%s", wrong[i]);
		cr_expect(ne(ptr, strstr(err.text, "line "), NULL), "%s", err.text);
	}
}

Test(idl, the_tag_before_a_method_is_its_own)
{
	const char *text = "interface a.b\n"
			   "# [Supports 'more' flag]\n"
			   "method A() -> ()\n"
			   "# [Requires 'more' flag]\n"
			   "type T (x: (y: int))\n"
			   "method B() -> ()\n"
			   "# first\n# [Requires 'more' flag]\n"
			   "method C() -> (x: []T)\n";
	struct tio_error err = TIO_ERROR_NONE;
	struct idl idl = { 0 };

	cr_assert(eq(int, idl_parse(text, &idl, &err), 0), "%s", err.text);
	cr_expect(eq(int, idl_find(&idl, "A")->may_more, true));
	cr_expect(eq(int, idl_find(&idl, "A")->must_more, false));
	cr_expect(eq(int, idl_find(&idl, "B")->may_more, false));
	cr_expect(eq(int, idl_find(&idl, "B")->must_more, false));
	cr_expect(eq(int, idl_find(&idl, "C")->may_more, true));
	cr_expect(eq(int, idl_find(&idl, "C")->must_more, true));
	cr_expect(eq(ptr, (void *)idl_find(&idl, "D"), NULL));
	idl_finish(&idl);
}

struct check_case {
	char parameters[80];
	char wrong[16]; /* "": fits */
};

ParameterizedTestParameters(idl, parameters_are_checked_by_name_and_type)
{
	static struct check_case cases[] = {
		{ "{\"s\":\"x\",\"l\":[]}", "" },
		{ "{\"s\":\"x\",\"l\":[\"a\",\"b\"],\"i\":1,\"b\":true,\"o\":{}}", "" },
		{ "{\"s\":\"x\",\"l\":[],\"i\":null,\"f\":1}", "" },
		{ "{\"s\":\"x\",\"l\":[],\"f\":1.5}", "" },
		{ "{\"l\":[]}", "s" },
		{ "{\"s\":null,\"l\":[]}", "s" },
		{ "{\"s\":1,\"l\":[]}", "s" },
		{ "{\"s\":\"x\"}", "l" },
		{ "{\"s\":\"x\",\"l\":\"a\"}", "l" },
		{ "{\"s\":\"x\",\"l\":[1]}", "l" },
		{ "{\"s\":\"x\",\"l\":[null]}", "l" },
		{ "{\"s\":\"x\",\"l\":[],\"i\":1.5}", "i" },
		{ "{\"s\":\"x\",\"l\":[],\"i\":\"1\"}", "i" },
		{ "{\"s\":\"x\",\"l\":[],\"b\":0}", "b" },
		{ "{\"s\":\"x\",\"l\":[],\"o\":[]}", "o" },
		{ "{\"s\":\"x\",\"l\":[],\"more\":1}", "more" },
	};

	return cr_make_param_array(struct check_case, cases, ARRAY_SIZE(cases));
}

ParameterizedTest(struct check_case *c, idl, parameters_are_checked_by_name_and_type)
{
	const char *text = "interface a.b method M(s: string, l: []string, i: ?int, b: ?bool, "
			   "f: ?float, o: ?object) -> ()";
	struct tio_error err = TIO_ERROR_NONE;
	json_t *parameters = json_loads(c->parameters, 0, NULL);
	struct idl idl = { 0 };
	const char *wrong;

	cr_assert(eq(int, idl_parse(text, &idl, &err), 0), "%s", err.text);
	wrong = idl_check(idl_find(&idl, "M"), parameters);
	cr_expect(eq(str, (char *)(wrong ? wrong : ""), c->wrong), "%s", c->parameters);
	idl_finish(&idl);
	json_decref(parameters);
}
