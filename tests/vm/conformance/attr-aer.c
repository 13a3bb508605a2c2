/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "attr.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What /dev/aer_inject takes: drivers/pci/pcie/aer_inject.c. */
struct injected {
	uint8_t bus, device, function;
	uint32_t uncorrectable, correctable, header[4], domain;
};

int attr_aer_inject(char **args)
{
	struct injected error = { .uncorrectable = (uint32_t)strtoul(args[1], NULL, 0) };
	int fd = open("/dev/aer_inject", O_WRONLY | O_CLOEXEC);

	if (sscanf(args[0], "%x:%hhx:%hhx.%hhx", &error.domain, &error.bus, &error.device,
		   &error.function) != 4)
		return 2;
	if (fd < 0 || write(fd, &error, sizeof(error)) != sizeof(error)) {
		perror("/dev/aer_inject");
		return 1;
	}
	return 0;
}
