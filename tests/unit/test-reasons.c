/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Every errno that the kernel has for an attribute has a cause, a fix and a sentence of its
 * own.  Prints them.
 */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "core/reasons.h"

/*
 * Sources: drivers/pci/tsm.c, drivers/pci/ide.c, drivers/crypto/ccp, drivers/pci/iov.c,
 * drivers/base/{bus,dd}.c, drivers/pci/pci.c and drivers/vfio of Linux 7.2; the posted
 * drivers/pci/tsm/evidence.c.
 */
/* clang-format off */
static const struct {
	const char *attribute;
	int codes[16]; /* ended by 0 */
} pairs[] = {
	{ "tsm/connect", { EINVAL, EINTR, EBUSY, ENXIO, EFAULT, ENODEV, ENOMEM, EIO, ETIMEDOUT, EPERM } },
	{ "tsm/disconnect", { ENXIO, EINVAL, EINTR, EIO } },
	{ "sriov_numvfs", { EINVAL, ERANGE, ENOENT, EBUSY, ENOMEM, EIO, EPERM, ENODEV, ENOSYS } },
	{ "sriov_drivers_autoprobe", { EINVAL } },
	{ "sriov_vf_msix_count", { EINVAL, EOPNOTSUPP, EBUSY } },
	{ "driver_override", { EINVAL, ENOMEM } },
	{ "bind", { ENODEV, EBUSY, EAGAIN, EINVAL, ENOMEM, EIO, ENOENT } },
	{ "unbind", { ENODEV, EBUSY } },
	{ "drivers_probe", { ENODEV, EINVAL, EAGAIN } },
	{ "cdev", { EACCES, ENODEV, ENOENT, EBUSY, EAGAIN, EPERM, EINVAL, ENOMEM } },
	{ "reset_method", { EINVAL, ENXIO } },
	{ "module", { ENOENT, EPERM, ENOEXEC, EINVAL, ENOMEM } },
	{ "tsm/meas_nonce", { EINVAL } },
	{ "device-evidence", { EOPNOTSUPP, ENODEV, EINVAL, ENXIO, EPERM, EIO, EAGAIN, ENOMEM } },
};
/* clang-format on */

#define SENTENCES_MAX 128

static char sentences[SENTENCES_MAX][sizeof(((struct tio_error *)0)->text)];
static size_t n_sentences;

/* A failed write as the doors of host/ record it. */
static struct tio_error failure(const char *attribute, int code)
{
	struct tio_error err = TIO_ERROR_NONE;

	error_set(&err, -code, "write to %s of 0000:e1:00.0: %s", attribute, strerror(code));
	text_copy(err.attribute, sizeof(err.attribute), attribute);
	reasons_explain(&err);
	return err;
}

static void check(const char *attribute, int code)
{
	struct tio_error err = failure(attribute, code);
	const char *cause = reasons_cause(attribute, -code);
	char buf[24];
	const char *name = errno_name(-code, buf);

	cr_assert(ne(ptr, (void *)cause, NULL), "%s %s has no cause", attribute, name);
	cr_expect(strlen(cause) >= 15, "%s %s: %s", attribute, name, cause);
	cr_expect(ne(ptr, strstr(err.text, cause), NULL), "%s", err.text);
	cr_expect(ne(int, err.fix[0], 0), "%s %s has no fix", attribute, name);
	cr_expect(strlen(err.text) < sizeof(err.text) - 1, "cut off: %s", err.text);
	fprintf(stderr, "# %s %s: %s (%s)\n", attribute, name, cause, err.fix);
	for (size_t i = 0; i < n_sentences; i++)
		cr_expect(ne(str, sentences[i], err.text));
	cr_assert(n_sentences < SENTENCES_MAX);
	text_copy(sentences[n_sentences++], sizeof(sentences[0]), err.text);
}

Test(reasons, each_pair_has_a_sentence_of_its_own)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		for (size_t k = 0; pairs[i].codes[k]; k++)
			check(pairs[i].attribute, pairs[i].codes[k]);
	fprintf(stderr, "# %zu sentences\n", n_sentences);
}

Test(reasons, errnos_of_one_attribute_have_causes_of_their_own)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		const char *attribute = pairs[i].attribute;

		for (size_t k = 0; pairs[i].codes[k]; k++)
			for (size_t j = 0; j < k; j++)
				cr_expect(
					ne(str,
					   (char *)reasons_cause(attribute, -pairs[i].codes[k]),
					   (char *)reasons_cause(attribute,
								 -pairs[i].codes[j])),
					"%s", attribute);
	}
}

/* Who looked into it knows better than the table. */
Test(reasons, what_is_explained_already_is_left_alone)
{
	struct tio_error err = TIO_ERROR_NONE;

	error_set(&err, -EBUSY, "write to tsm/connect: busy (EBUSY): it is connected");
	text_copy(err.attribute, sizeof(err.attribute), "tsm/connect");
	error_fix(&err, "nothing");
	reasons_explain(&err);
	cr_expect(eq(str, err.text, "write to tsm/connect: busy (EBUSY): it is connected"));
	cr_expect(eq(str, err.fix, "nothing"));
}
