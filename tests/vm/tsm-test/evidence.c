// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Serves evidence that can be told to be right: a chain of two certificates in slot 0, bytes
 * of a known pattern in slot 1 that fill many messages, a VCA, measurements that repeat the
 * nonce, and a report of a bound TDI.  Numbers as in the posted series' device-evidence.yaml.
 */
#include "evidence.h"

#include <linux/pci.h> /* first: others lean on it */

#include <linux/module.h>
#include <linux/pci-tsm.h>
#include <linux/slab.h>
#include <net/genetlink.h>

enum { CMD_READ = 1 };
enum {
	A_TYPE = 1,
	A_TYPE_MASK,
	A_FLAGS,
	A_SUBSYS,
	A_DEV_NAME,
	A_NONCE,
	A_GENERATION,
	A_COUNT,
	A_LENGTH,
	A_VAL,
	A_END
};
enum { SLOT0 = 0, SLOT1, VCA = 8, MEASUREMENTS, REPORT, TYPES };

#define NONCE_MAX     32
#define DIGEST        48 /* SHA-384 */
#define CERTIFICATE   300
#define VCA_SIZE      96
#define REPORT_SIZE   64
#define PIECE_MAX     8000
#define FIRST_HEADERS 64 /* type, generation and length of an object's first message */

static bool evidence;
module_param(evidence, bool, 0444);
MODULE_PARM_DESC(evidence, "serve the netlink family device-evidence");
static unsigned int evidence_size = 100000;
module_param(evidence_size, uint, 0644);
MODULE_PARM_DESC(evidence_size, "bytes of slot 1");
static unsigned int evidence_refreshes;
module_param(evidence_refreshes, uint, 0644);
MODULE_PARM_DESC(evidence_refreshes, "so many readings are overtaken by a refresh");
static unsigned int evidence_moves;
module_param(evidence_moves, uint, 0644);
MODULE_PARM_DESC(evidence_moves, "so many readings see the generation change half way");
static unsigned int evidence_errno;
module_param(evidence_errno, uint, 0644);
MODULE_PARM_DESC(evidence_errno, "readings fail with this errno");

static u32 generation = 1;
static bool served;

struct object {
	bool present;
	u8 *data;
	u32 size;
};

struct reading {
	struct object objects[TYPES];
	u32 generation;
	u32 type, offset;
	bool refreshed;
};

static struct genl_family family;

static void reading_free(struct reading *r)
{
	for (int i = 0; r && i < TYPES; i++)
		kvfree(r->objects[i].data);
	kfree(r);
}

/* The bytes of an object that has no meaning: test_evidence.py makes the same. */
static u8 *fill(struct reading *r, int type, u32 size)
{
	struct object *object = &r->objects[type];

	object->data = kvmalloc(size ? size : 1, GFP_KERNEL);
	if (!object->data)
		return NULL;
	for (u32 i = 0; i < size; i++)
		object->data[i] = (u8)(i * 7 + i / 256 + type);
	object->size = size;
	object->present = true;
	return object->data;
}

/* Length, digest of the root, certificates: DER sequences of nothing in particular. */
static int add_chain(struct reading *r)
{
	u32 size = 4 + DIGEST + 2 * CERTIFICATE;
	u8 *data = fill(r, SLOT0, size);

	if (!data)
		return -ENOMEM;
	data[0] = size & 0xff;
	data[1] = size >> 8;
	data[2] = data[3] = 0;
	for (u8 *der = data + 4 + DIGEST; der < data + size; der += CERTIFICATE) {
		der[0] = 0x30;
		der[1] = 0x82;
		der[2] = (CERTIFICATE - 4) >> 8;
		der[3] = (CERTIFICATE - 4) & 0xff;
	}
	return 0;
}

static int add_measurements(struct reading *r, const struct nlattr *nonce)
{
	u32 size = nonce ? 16 + nla_len(nonce) : 0;
	u8 *data = fill(r, MEASUREMENTS, size);

	if (!data)
		return -ENOMEM;
	if (nonce)
		memcpy(data + 16, nla_data(nonce), nla_len(nonce));
	return 0;
}

static int add_all(struct reading *r, struct pci_dev *dev, u32 mask, const struct nlattr *nonce)
{
	if (mask & BIT(SLOT0) && add_chain(r))
		return -ENOMEM;
	if (mask & BIT(SLOT1) && !fill(r, SLOT1, evidence_size))
		return -ENOMEM;
	if (mask & BIT(VCA) && !fill(r, VCA, VCA_SIZE))
		return -ENOMEM;
	if (mask & BIT(MEASUREMENTS) && add_measurements(r, nonce))
		return -ENOMEM;
	if (mask & BIT(REPORT) && dev->tsm->tdi && !fill(r, REPORT, REPORT_SIZE))
		return -ENOMEM;
	return 0;
}

static struct pci_dev *find(const char *name)
{
	unsigned int domain, bus, slot, function;

	if (sscanf(name, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
		return NULL;
	return pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, function));
}

static int start(struct netlink_callback *cb)
{
	struct nlattr **attrs = genl_info_dump(cb)->attrs;
	struct pci_dev *dev __free(pci_dev_put) = NULL;
	struct reading *r;
	u32 mask;

	if (evidence_errno)
		return -(int)evidence_errno;
	if (!attrs[A_SUBSYS] || !attrs[A_DEV_NAME] || !attrs[A_TYPE_MASK])
		return -EINVAL;
	if (nla_strcmp(attrs[A_SUBSYS], "pci"))
		return -EOPNOTSUPP;
	mask = nla_get_u32(attrs[A_TYPE_MASK]);
	if (!mask || mask >= BIT(TYPES))
		return -EINVAL;
	dev = find(nla_data(attrs[A_DEV_NAME]));
	if (!dev || !dev->tsm)
		return -ENODEV;
	r = kzalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	if (attrs[A_NONCE])
		generation++;
	r->generation = generation;
	if (add_all(r, dev, mask, attrs[A_NONCE])) {
		reading_free(r);
		return -ENOMEM;
	}
	cb->args[0] = (long)r;
	return 0;
}

static int done(struct netlink_callback *cb)
{
	reading_free((struct reading *)cb->args[0]);
	return 0;
}

static bool put_first(struct sk_buff *skb, const struct reading *r)
{
	return nla_put_u32(skb, A_TYPE, r->type) == 0 &&
	       nla_put_u32(skb, A_GENERATION, r->generation) == 0 &&
	       nla_put_u32(skb, A_LENGTH, r->objects[r->type].size) == 0;
}

/* One message: a piece of the object, behind what begins it.  False: @skb is full. */
static bool put_piece(struct sk_buff *skb, struct netlink_callback *cb, struct reading *r)
{
	const struct object *object = &r->objects[r->type];
	u32 size = min(object->size - r->offset, PIECE_MAX);
	void *header;

	if (skb_tailroom(skb) < (int)(GENL_HDRLEN + NLMSG_HDRLEN + FIRST_HEADERS + size))
		return false;
	header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &family,
			     NLM_F_MULTI, CMD_READ);
	if (!header)
		return false;
	if ((r->offset == 0 && !put_first(skb, r)) ||
	    (size && nla_put(skb, A_VAL, size, object->data + r->offset))) {
		genlmsg_cancel(skb, header);
		return false;
	}
	genlmsg_end(skb, header);
	r->offset += size;
	return true;
}

static bool took_one(unsigned int *counter)
{
	if (!*counter)
		return false;
	(*counter)--;
	return true;
}

static int dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct reading *r = (struct reading *)cb->args[0];

	for (; r->type < TYPES; r->type++, r->offset = 0) {
		const struct object *object = &r->objects[r->type];

		if (!object->present)
			continue;
		if (r->type == VCA && r->offset == 0 && !r->refreshed) {
			r->refreshed = true;
			if (took_one(&evidence_refreshes))
				return -EAGAIN;
			if (took_one(&evidence_moves))
				r->generation = ++generation;
		}
		do {
			if (!put_piece(skb, cb, r))
				return skb->len;
		} while (r->offset < object->size);
	}
	return skb->len;
}

static const struct nla_policy policy[A_END] = {
	[A_TYPE_MASK] = { .type = NLA_U32 },       [A_FLAGS] = { .type = NLA_U32 },
	[A_SUBSYS] = { .type = NLA_NUL_STRING },   [A_DEV_NAME] = { .type = NLA_NUL_STRING },
	[A_NONCE] = NLA_POLICY_MAX_LEN(NONCE_MAX),
};

static const struct genl_ops ops[] = {
	{ .cmd = CMD_READ,
	  .flags = GENL_ADMIN_PERM,
	  .start = start,
	  .dumpit = dump,
	  .done = done },
};

static struct genl_family family = {
	.name = "device-evidence",
	.version = 1,
	.maxattr = A_END - 1,
	.policy = policy,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	.resv_start_op = CMD_READ + 1,
	.module = THIS_MODULE,
	.netnsok = true,
};

int evidence_start(void)
{
	int r = evidence ? genl_register_family(&family) : 0;

	served = evidence && r == 0;
	return r;
}

void evidence_stop(void)
{
	if (served)
		genl_unregister_family(&family);
	served = false;
}
