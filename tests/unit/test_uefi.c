// SPDX-License-Identifier: MIT
// Sources: loader/uefi/options.c loader/uefi/boots.c loader/uefi/sha256.c
/* What hadal.efi decides before it starts anything: options, failed boots, the image's SHA-256. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "unit.h"
#include "../../loader/uefi/boots.h"
#include "../../loader/uefi/options.h"
#include "../../loader/uefi/print.h"
#include "../../loader/uefi/sha256.h"

#define DENIED (EFI_ERROR_BIT | 15)

static unsigned said;

void say(const char *format, ...)
{
	(void)format;
	said++;
}

static const uint16_t own_text[] = {'H', 'a', 'd', 'a', 'l', '.', 'e', 'f', 'i'};
static struct name own_name = {own_text, 9};

/* The options in UCS-2, in memory of their own size, so that reading behind them is seen. */
static void read_options(const char *text, struct options *options)
{
	static uint16_t *copy;
	size_t count = strlen(text);

	free(copy);
	copy = malloc(count ? count * 2 : 1);
	assert_non_null(copy);
	for (size_t i = 0; i < count; i++)
		copy[i] = text[i];
	options_read(copy, count, &own_name, options);
}

static void expect_word(const struct options *options, struct word word, const char *text)
{
	assert_int_equal(word.length, strlen(text));
	for (uint32_t i = 0; i < word.length; i++)
		assert_int_equal(options->text[word.start + i], text[i]);
}

static void a_program_is_named(void **unused)
{
	static const char *const named[] = {
		"\\vmlinuz root=/dev/vda1",
		"  \\vmlinuz",
		"hadal.efi \\vmlinuz --pool=3",
		"FS0:\\EFI\\Hadal\\HADAL.EFI --pool=7 \\vmlinuz --off",
		"--pool=0 \\vmlinuz",
	};
	struct options options;

	(void)unused;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		read_options(named[i], &options);
		expect_word(&options, options.program, "\\vmlinuz");
		assert_int_equal(options.unknown.length, 0);
		assert_false(options.off);
		assert_int_equal(options.pool_mib, i == 3 ? 7 : 0);
	}
}

static void no_program_is_named(void **unused)
{
	static const char *const none[] = {"", " ", "hadal.efi", "\\hadal.efi --pool=65536 ",
					   "--off"};
	struct options options;

	(void)unused;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		read_options(none[i], &options);
		assert_int_equal(options.program.length, 0);
		assert_int_equal(options.pool_mib, i == 3 ? 65536 : 0);
		assert_int_equal(options.off, i == 4);
		assert_false(options.allow_stop);
	}
	read_options("--allow-stop --off \\vmlinuz", &options);
	assert_true(options.allow_stop && options.off);
	read_options("\\vmlinuz --allow-stop", &options);
	assert_false(options.allow_stop);
	read_options("--allow-stop=1 --allow-sto", &options);
	assert_false(options.allow_stop);
	expect_word(&options, options.unknown, "--allow-stop=1");
	options_read(NULL, 100, &own_name, &options);
	assert_int_equal(options.program.length, 0);
}

static void what_is_not_known_is_told(void **unused)
{
	static const char *const wrong[] = {
		"--pool",  "--pool=", "--pool=1x", "--pool=65537",
		"--offer", "--of",    "--",        "--pool=99999999999999999999"};
	struct options options;

	(void)unused;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		read_options(wrong[i], &options);
		expect_word(&options, options.unknown, wrong[i]);
		assert_int_equal(options.pool_mib, 0);
		assert_false(options.off);
	}
}

static void its_own_name_is_no_program(void **unused)
{
	struct options options;

	(void)unused;
	read_options("fs0:/hadal.EFI", &options);
	assert_int_equal(options.program.length, 0);
	read_options("fs0:hadal.efi hadal.efi", &options);
	expect_word(&options, options.program, "hadal.efi");
	read_options("nohadal.efi", &options);
	expect_word(&options, options.program, "nohadal.efi");
	read_options("adal.efi x", &options);
	expect_word(&options, options.program, "adal.efi");
	own_name.length = 0; /* it came from no file */
	read_options("hadal.efi", &options);
	expect_word(&options, options.program, "hadal.efi");
	own_name.length = 9;
}

/* Two variables. */
static uint8_t attempts[2], skip[4];
static uint64_t attempts_bytes, skip_bytes; /* 0: it is not there */
static bool is_read_only;

static bool is_attempts(const uint16_t *name)
{
	static const char wanted[] = "HadalAttempts";

	for (size_t i = 0; i < sizeof(wanted); i++)
		if (name[i] != wanted[i])
			return false;
	return true;
}

static efi_status get_variable(const uint16_t *name, const struct efi_guid *vendor,
			       uint32_t *attributes, uint64_t *bytes, void *data)
{
	uint64_t there = is_attempts(name) ? attempts_bytes : skip_bytes;

	(void)attributes;
	assert_int_equal(vendor->a, 0xf0beb471);
	assert_int_equal(vendor->d[7], 0x5a);
	if (!there)
		return EFI_NOT_FOUND;
	if (*bytes < there) {
		*bytes = there;
		return EFI_BUFFER_TOO_SMALL;
	}
	*bytes = there;
	memcpy(data, is_attempts(name) ? attempts : skip, there);
	return 0;
}

static efi_status set_variable(const uint16_t *name, const struct efi_guid *vendor,
			       uint32_t attributes, uint64_t bytes, const void *data)
{
	(void)vendor;
	assert_int_equal(attributes, 7);
	if (is_read_only)
		return DENIED;
	if (!is_attempts(name)) {
		assert_int_equal(bytes, 0);
		skip_bytes = 0;
		return 0;
	}
	attempts_bytes = bytes;
	if (bytes)
		memcpy(attempts, data, bytes);
	return 0;
}

static struct efi_runtime_services runtime = {.get_variable = get_variable,
					      .set_variable = set_variable};

static int reset(void **unused)
{
	(void)unused;
	attempts_bytes = skip_bytes = said = 0;
	is_read_only = false;
	return 0;
}

static void it_steps_aside_after_three(void **unused)
{
	(void)unused;
	for (unsigned i = 1; i <= 3; i++) {
		assert_true(boots_may_start(&runtime));
		boots_count(&runtime);
		assert_int_equal(attempts[0], i);
	}
	assert_int_equal(said, 0);
	assert_false(boots_may_start(&runtime));
	assert_false(boots_may_start(&runtime));
	assert_true(said > 0);
	attempts_bytes = 0; /* a system has reported back, or a person */
	assert_true(boots_may_start(&runtime));
}

/* Nothing of the system's has failed when Hadal itself does not start. */
static void what_did_not_start_is_not_counted(void **unused)
{
	(void)unused;
	boots_count(&runtime);
	boots_take_back(&runtime);
	assert_int_equal(attempts_bytes, 0);
	boots_take_back(&runtime);
	assert_int_equal(attempts_bytes, 0);
	boots_count(&runtime);
	boots_count(&runtime);
	boots_take_back(&runtime);
	assert_int_equal(attempts[0], 1);
}

static void a_counter_of_another_kind_is_none(void **unused)
{
	(void)unused;
	attempts_bytes = 2;
	attempts[0] = attempts[1] = 9;
	assert_true(boots_may_start(&runtime));
	boots_count(&runtime);
	assert_int_equal(attempts_bytes, 1);
	assert_int_equal(attempts[0], 1);
}

static void it_is_left_out_once(void **unused)
{
	(void)unused;
	skip_bytes = 4;
	assert_false(boots_may_start(&runtime));
	assert_int_equal(said, 1);
	assert_true(boots_may_start(&runtime));
	/* One that cannot be deleted would leave it out for ever. */
	skip_bytes = 1;
	is_read_only = true;
	assert_true(boots_may_start(&runtime));
}

static void expect_sha256(const char *text, size_t times, const char *wanted)
{
	size_t bytes = strlen(text);
	uint8_t *data = malloc(bytes * times + 1), digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	assert_non_null(data);
	for (size_t i = 0; i < times; i++)
		memcpy(data + i * bytes, text, bytes);
	sha256(data, bytes * times, digest);
	free(data);
	for (unsigned i = 0; i < SHA256_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(hex, wanted);
}

/* FIPS 180-4's examples, and lengths around a block's end as sha256sum has them. */
static void sha256_is_right(void **unused)
{
	(void)unused;
	expect_sha256("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect_sha256("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	expect_sha256("a", 1000000,
		      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	expect_sha256("a", 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
	expect_sha256("a", 63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34");
	expect_sha256("a", 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
	expect_sha256("a", 119, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_is_named),
		cmocka_unit_test(no_program_is_named),
		cmocka_unit_test(what_is_not_known_is_told),
		cmocka_unit_test(its_own_name_is_no_program),
		cmocka_unit_test_setup(it_steps_aside_after_three, reset),
		cmocka_unit_test_setup(what_did_not_start_is_not_counted, reset),
		cmocka_unit_test_setup(a_counter_of_another_kind_is_none, reset),
		cmocka_unit_test_setup(it_is_left_out_once, reset),
		cmocka_unit_test(sha256_is_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
