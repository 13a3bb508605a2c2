/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Numbers of the configuration space, from the PCIe specification and the kernel's
 * pci_regs.h; for config.c, which builds images, and ide.c, which changes them.
 */

#define CONFIG_PCIE 0x40 /* where our images have the capability */
#define CONFIG_PM   0x80

#define PCI_CAP_PM   0x01
#define PCI_CAP_PCIE 0x10

/* In the PCIe capability. */
#define DEVCAP     0x04
#define DEVCAP_FLR (1u << 28)
#define DEVCAP_TEE (1u << 30)
#define LNKCAP     0x0c
#define LNKCTL     0x10
#define SLTCAP     0x14

#define EXT_AER   0x01
#define EXT_ACS   0x0d
#define EXT_DSN   0x03
#define EXT_ARI   0x0e
#define EXT_SRIOV 0x10
#define EXT_DOE   0x2e
#define EXT_IDE   0x30

#define SRIOV_CTL     0x08
#define SRIOV_CTL_ON  0x09 /* enabled, and memory too */
#define SRIOV_CTL_ARI 0x10
#define SRIOV_NUM_VF  0x10

/* In the IDE capability: no Link streams, so the Selective blocks follow at once. */
#define IDE_BLOCKS       0x0c
#define IDE_BLOCK(assoc) (20 + 12 * (assoc))

/* In a Selective block. */
#define IDE_CTL           0x04
#define IDE_CTL_EN        (1u << 0)
#define IDE_CTL_CFG_EN    (1u << 9)
#define IDE_CTL_DEFAULT   (1u << 22)
#define IDE_CTL_TEE_LIMIT (1u << 23)
#define IDE_CTL_ID(id)    ((uint32_t)(id) << 24)
#define IDE_STS           0x08
#define IDE_STS_SECURE    2u
#define IDE_STS_FAIL      (1u << 31)
#define IDE_RID1          0x0c
#define IDE_RID2          0x10
#define IDE_ADDR(i)       (0x14 + 12 * (i))
#define IDE_IDLE          IDE_CTL_ID(255)
