/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Advanced error reporting: counters, of which only those of IDE can be other than 0. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/pci.h"

static const char *const aer_ide_names[AER_IDE_COUNT] = { "IDECheck", "MisIDETLP",
							  "PCRC_CHECK" };
static const char *const correctable[] = { "RxErr",      "BadTLP",   "BadDLLP",
					   "Rollover",   "Timeout",  "NonFatalErr",
					   "CorrIntErr", "HeaderOF", "TOTAL_ERR_COR",
					   NULL };
static const char *const uncorrectable[] = { "Undefined",
					     "DLP",
					     "SDES",
					     "TLP",
					     "FCP",
					     "CmpltTO",
					     "CmpltAbrt",
					     "UnxCmplt",
					     "RxOF",
					     "MalfTLP",
					     "ECRC",
					     "UnsupReq",
					     "ACSViol",
					     "UncorrIntErr",
					     "BlockedTLP",
					     "AtomicOpBlocked",
					     "TLPBlockedErr",
					     "PoisonTLPBlocked",
					     "DMWrReqBlocked",
					     "IDECheck",
					     "MisIDETLP",
					     "PCRC_CHECK",
					     "TLPXlatBlocked",
					     NULL };

static unsigned int count_of(const struct pci_dev *dev, const char *name)
{
	for (size_t i = 0; i < AER_IDE_COUNT; i++)
		if (strcmp(name, aer_ide_names[i]) == 0)
			return dev->ide_errors[i];
	return 0;
}

static ssize_t aer_show(char *buf, const char *const *names, const struct pci_dev *dev,
			const char *sum)
{
	unsigned int total = 0;
	int used = 0;

	for (; *names; names++) {
		unsigned int n = dev ? count_of(dev, *names) : 0;

		used += snprintf(buf + used, SIM_ATTR_MAX - (size_t)used, "%s %u\n", *names, n);
		total += n;
	}
	if (sum)
		used += snprintf(buf + used, SIM_ATTR_MAX - (size_t)used, "%s %u\n", sum,
				 total);
	return used;
}

static ssize_t aer_correctable_show(void *obj, const struct sim_caller *who, char *buf)
{
	return aer_show(buf, correctable, NULL, NULL);
}

static ssize_t aer_fatal_show(void *obj, const struct sim_caller *who, char *buf)
{
	return aer_show(buf, uncorrectable, NULL, "TOTAL_ERR_FATAL");
}

static ssize_t aer_nonfatal_show(void *obj, const struct sim_caller *who, char *buf)
{
	return aer_show(buf, uncorrectable, obj, "TOTAL_ERR_NONFATAL");
}

int aer_count(struct pci_dev *dev, const char *name, unsigned int n)
{
	struct pci_dev *port = dev->type == PCI_ROOT_PORT ? dev : pci_root_port(dev);

	for (size_t i = 0; i < AER_IDE_COUNT; i++) {
		if (strcmp(name, aer_ide_names[i]) != 0)
			continue;
		dev->ide_errors[i] += n;
		if (port)
			port->heard += n;
		return 0;
	}
	return -ENOENT;
}

static const struct attribute dev_attrs[] = {
	{ "aer_dev_correctable", 0444, { .show = aer_correctable_show } },
	{ "aer_dev_fatal", 0444, { .show = aer_fatal_show } },
	{ "aer_dev_nonfatal", 0444, { .show = aer_nonfatal_show } },
	{ NULL },
};

/* --- What a root port was told of --- */

static ssize_t heard_none_show(void *obj, const struct sim_caller *who, char *buf)
{
	return snprintf(buf, SIM_ATTR_MAX, "0\n");
}

static ssize_t heard_nonfatal_show(void *obj, const struct sim_caller *who, char *buf)
{
	return snprintf(buf, SIM_ATTR_MAX, "%u\n", ((struct pci_dev *)obj)->heard);
}

static const struct attribute port_attrs[] = {
	{ "aer_rootport_total_err_cor", 0444, { .show = heard_none_show } },
	{ "aer_rootport_total_err_fatal", 0444, { .show = heard_none_show } },
	{ "aer_rootport_total_err_nonfatal", 0444, { .show = heard_nonfatal_show } },
	{ NULL },
};

void aer_attributes(struct pci_dev *dev, struct node *dir)
{
	if (dev->type == PCI_CONVENTIONAL || !desc_bool(dev->desc, "aer", true))
		return;
	attributes_add(dir, dev_attrs, dev);
	if (dev->type == PCI_ROOT_PORT)
		attributes_add(dir, port_attrs, dev);
}
