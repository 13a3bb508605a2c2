// SPDX-License-Identifier: GPL-2.0-or-later
#include "tsm.h"

#include <linux/pci.h> /* first: others lean on it */

#include <linux/device/faux.h>
#include <linux/mutex.h>
#include <linux/pci-ide.h>
#include <linux/pci-tsm.h>
#include <linux/slab.h>
#include <linux/tsm.h>

#include "knobs.h"
#include "overlay.h"

struct dsm {
	struct pci_tsm_pf0 pf0;
	struct pci_ide *stream;
};

static struct faux_device *platform;
static struct tsm_dev *tsm;
static DEFINE_MUTEX(tsm_mutex);

static struct dsm *dsm_of(struct pci_dev *dev)
{
	return container_of(dev->tsm, struct dsm, pf0.base_tsm);
}

static struct pci_tsm *probe_pf0(struct tsm_dev *tsm_dev, struct pci_dev *dev)
{
	struct dsm *dsm = kzalloc(sizeof(*dsm), GFP_KERNEL);

	if (!dsm)
		return NULL;
	if (pci_tsm_pf0_constructor(dev, &dsm->pf0, tsm_dev)) {
		kfree(dsm);
		return NULL;
	}
	return &dsm->pf0.base_tsm;
}

static struct pci_tsm *probe(struct tsm_dev *tsm_dev, struct pci_dev *dev)
{
	struct pci_tsm *base;

	if (is_pci_tsm_pf0(dev))
		return probe_pf0(tsm_dev, dev);
	if (knobs_only_pf0())
		return NULL;
	base = kzalloc(sizeof(*base), GFP_KERNEL);
	if (base && pci_tsm_link_constructor(dev, base, tsm_dev)) {
		kfree(base);
		return NULL;
	}
	return base;
}

static void remove(struct pci_tsm *base)
{
	if (!is_pci_tsm_pf0(base->pdev)) {
		kfree(base);
		return;
	}
	pci_tsm_pf0_destructor(container_of(base, struct pci_tsm_pf0, base_tsm));
	kfree(container_of(base, struct dsm, pf0.base_tsm));
}

/* As AMD's driver: a stream that doesn't become secure is not connect's failure. */
static int connect(struct pci_dev *dev)
{
	struct pci_dev *port = pcie_find_root_port(dev);
	struct dsm *dsm = dsm_of(dev);
	struct pci_ide *stream;
	int r;

	r = knobs_before_connect();
	if (r)
		return r;
	stream = pci_ide_stream_alloc(dev);
	if (!stream)
		return -EFAULT;
	stream->stream_id = stream->host_bridge_stream;
	stream->partner[PCI_IDE_EP].default_stream = 1;
	pci_ide_stream_setup(dev, stream);
	pci_ide_stream_setup(port, stream);
	pci_ide_stream_enable(port, stream);
	pci_ide_stream_enable(dev, stream);
	r = pci_ide_stream_register(stream);
	if (r) {
		pci_ide_stream_release(stream);
		return r;
	}
	dsm->stream = stream;
	return 0;
}

static void disconnect(struct pci_dev *dev)
{
	struct dsm *dsm = dsm_of(dev);

	knobs_before_disconnect();
	if (dsm->stream)
		pci_ide_stream_release(dsm->stream);
	dsm->stream = NULL;
}

static struct pci_tdi *bind(struct pci_dev *dev, struct kvm *kvm, u32 id)
{
	struct pci_tdi *tdi = kzalloc(sizeof(*tdi), GFP_KERNEL);

	if (!tdi)
		return ERR_PTR(-ENOMEM);
	pci_tsm_tdi_constructor(dev, tdi, kvm, id);
	return tdi;
}

static void unbind(struct pci_tdi *tdi)
{
	kfree(tdi);
}

static struct pci_tsm_ops ops = {
	.link_ops = {
		.probe = probe,
		.remove = remove,
		.connect = connect,
		.disconnect = disconnect,
		.bind = bind,
		.unbind = unbind,
	},
};

int tsm_arrive(void)
{
	struct tsm_dev *now;

	guard(mutex)(&tsm_mutex);
	if (tsm)
		return -EEXIST;
	now = tsm_register(&platform->dev, &ops);
	if (IS_ERR(now))
		return PTR_ERR(now);
	tsm = now;
	return 0;
}

int tsm_leave(void)
{
	guard(mutex)(&tsm_mutex);
	if (!tsm)
		return -ENODEV;
	tsm_unregister(tsm);
	tsm = NULL;
	return 0;
}

bool tsm_present(void)
{
	return READ_ONCE(tsm) != NULL;
}

static struct pci_dev *get_by_name(const char *name)
{
	unsigned int bus, devfn;

	return overlay_parse(name, &bus, &devfn) ? NULL
						 : pci_get_domain_bus_and_slot(0, bus, devfn);
}

/* There is no VM; the PCI core wants a pointer that it never follows. */
int tsm_bind(const char *name)
{
	struct pci_dev *dev __free(pci_dev_put) = get_by_name(name);

	return dev ? pci_tsm_bind(dev, (struct kvm *)&ops, pci_dev_id(dev)) : -ENODEV;
}

int tsm_unbind(const char *name)
{
	struct pci_dev *dev __free(pci_dev_put) = get_by_name(name);

	if (!dev)
		return -ENODEV;
	pci_tsm_unbind(dev);
	return 0;
}

int tsm_start(void)
{
	platform = faux_device_create("tsm-test", NULL, NULL);
	return platform ? 0 : -ENODEV;
}

void tsm_stop(void)
{
	if (tsm_present())
		tsm_leave();
	faux_device_destroy(platform);
}
