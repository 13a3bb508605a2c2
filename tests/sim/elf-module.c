/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "elf-module.h"

/* depmod looks for who exports the symbols that others lack: each module exports one. */
#define SYMBOL_PREFIX "tio_sim_"

struct bytes {
	char *data;
	size_t size;
};

static size_t add(struct bytes *to, const void *data, size_t size)
{
	size_t at = to->size;

	to->data = sim_realloc(to->data, at + size);
	memcpy(to->data + at, data, size);
	to->size += size;
	return at;
}

static size_t add_string(struct bytes *to, const char *first, const char *second)
{
	size_t at = add(to, first, strlen(first));

	add(to, second, strlen(second) + 1);
	return at;
}

static void underscores(char *name)
{
	for (; *name; name++) {
		if (*name == '-')
			*name = '_';
	}
}

enum section { NONE, MODINFO, KSYMTAB, STRTAB, SYMTAB, SHSTRTAB, SECTIONS };

struct image {
	struct bytes part[SECTIONS];
};

static void add_depends(struct image *image, const char *depends)
{
	char *list = sim_strdup(depends), *save = NULL;

	for (char *name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		Elf64_Sym symbol = { .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE) };

		underscores(name);
		symbol.st_name = add_string(&image->part[STRTAB], SYMBOL_PREFIX, name);
		add(&image->part[SYMTAB], &symbol, sizeof(symbol));
	}
	free(list);
}

static void fill(struct image *image, const char *name, const char *depends,
		 const char *const *aliases, const char *release)
{
	struct bytes *info = &image->part[MODINFO];
	char *own = sim_strdup(name), *magic;
	Elf64_Sym nothing = { 0 };

	underscores(own);
	magic = sim_printf("%s SMP mod_unload ", release);
	add_string(info, "license=", "GPL");
	for (; aliases && *aliases; aliases++)
		add_string(info, "alias=", *aliases);
	add_string(info, "depends=", depends);
	add_string(info, "name=", own);
	add_string(info, "vermagic=", magic);
	add_string(&image->part[KSYMTAB], SYMBOL_PREFIX, own);
	add(&image->part[STRTAB], "", 1);
	add(&image->part[SYMTAB], &nothing, sizeof(nothing));
	add_depends(image, depends);
	free(magic);
	free(own);
}

/* clang-format off */
static const struct {
	const char *name;
	Elf64_Word type;
	Elf64_Word link;
	Elf64_Xword align;
	Elf64_Xword entry;
} sections[SECTIONS] = {
	[NONE]     = { "",                   SHT_NULL,     0,      0, 0 },
	[MODINFO]  = { ".modinfo",           SHT_PROGBITS, 0,      1, 0 },
	[KSYMTAB]  = { "__ksymtab_strings",  SHT_PROGBITS, 0,      1, 0 },
	[STRTAB]   = { ".strtab",            SHT_STRTAB,   0,      1, 0 },
	[SYMTAB]   = { ".symtab",            SHT_SYMTAB,   STRTAB, 8, sizeof(Elf64_Sym) },
	[SHSTRTAB] = { ".shstrtab",          SHT_STRTAB,   0,      1, 0 },
};
/* clang-format on */

static const Elf64_Ehdr header = {
	.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
	.e_type = ET_REL,
	.e_machine = EM_X86_64,
	.e_version = EV_CURRENT,
	.e_ehsize = sizeof(Elf64_Ehdr),
	.e_shentsize = sizeof(Elf64_Shdr),
	.e_shnum = SECTIONS,
	.e_shstrndx = SHSTRTAB,
};

/* Header, parts (each at a multiple of eight), table of sections. */
static struct bytes assemble(struct image *image)
{
	static const char padding[8];
	Elf64_Shdr table[SECTIONS] = { 0 };
	struct bytes file = { 0 };
	Elf64_Ehdr *start;
	size_t at;

	for (size_t i = 0; i < SECTIONS; i++)
		table[i].sh_name = add_string(&image->part[SHSTRTAB], "", sections[i].name);
	add(&file, &header, sizeof(header));
	for (size_t i = MODINFO; i < SECTIONS; i++) {
		table[i].sh_type = sections[i].type;
		table[i].sh_link = sections[i].link;
		table[i].sh_addralign = sections[i].align;
		table[i].sh_entsize = sections[i].entry;
		table[i].sh_flags = sections[i].type == SHT_PROGBITS ? SHF_ALLOC : 0;
		table[i].sh_info = i == SYMTAB ? 1 : 0;
		table[i].sh_size = image->part[i].size;
		table[i].sh_offset = add(&file, image->part[i].data, image->part[i].size);
		add(&file, padding, -file.size & 7);
	}
	at = add(&file, table, sizeof(table));
	start = (Elf64_Ehdr *)file.data;
	start->e_shoff = at;
	return file;
}

int elf_module_write(const char *path, const char *name, const char *depends,
		     const char *const *aliases, const char *release)
{
	struct image image = { 0 };
	struct bytes file;
	int fd, r = -1;

	fill(&image, name, depends, aliases, release);
	file = assemble(&image);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd >= 0) {
		r = write(fd, file.data, file.size) == (ssize_t)file.size ? 0 : -1;
		close(fd);
	}
	for (size_t i = 0; i < SECTIONS; i++)
		free(image.part[i].data);
	free(file.data);
	return r;
}
