/* SPDX-License-Identifier: MIT */
/*
 * Tests of qemu/module.h: constructors only queue, each function runs once and
 * in order, and a running function may queue another.
 */
#include "qemu/osdep.h"
#include "qemu/module.h"

static GString *calls;

static void first(void)
{
    g_string_append(calls, "first ");
}

static void nested(void)
{
    g_string_append(calls, "nested ");
}

static void second(void)
{
    g_string_append(calls, "second ");
    register_module_init(nested, MODULE_INIT_BLOCK);
}

block_init(first);

static void test_module(void)
{
    calls = g_string_new(NULL);
    register_module_init(second, MODULE_INIT_BLOCK);
    g_assert_cmpstr(calls->str, ==, "");
    module_call_init(MODULE_INIT_BLOCK);
    g_assert_cmpstr(calls->str, ==, "first second nested ");
    module_call_init(MODULE_INIT_BLOCK);
    g_assert_cmpstr(calls->str, ==, "first second nested ");
    register_module_init(first, MODULE_INIT_BLOCK);
    module_call_init(MODULE_INIT_BLOCK);
    g_assert_cmpstr(calls->str, ==, "first second nested first ");
    g_string_free(calls, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/module/call-init", test_module);
    return g_test_run();
}
