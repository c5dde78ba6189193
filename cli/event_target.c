// SPDX-License-Identifier: MIT
/* Finds the memory that a user names, and the physical memory that it is. */
#include "event_target.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "parse.h"
#include "show/value.h"

#define PAGE_LEFT(address) (HADAL_PAGE_SIZE - (address) % HADAL_PAGE_SIZE)

static void use_kernel(struct cli_target *target, struct event_target *found)
{
	found->space = hadal_kernel_space(target->kernel.kernel);
	found->kernel = true;
}

static int use_number(struct cli_target *target, const struct cli_where *where,
		      struct event_target *found)
{
	if (where->space == CLI_SPACE_PHYSICAL)
		return 0;
	if (found->address >> 63)
		use_kernel(target, found);
	else
		found->space = target->space;
	return 0;
}

/* BTF knows the types of few variables; the size of the others is told by the next symbol. */
static uint64_t typed_size(struct hadal_kernel *kernel, struct hadal_symbolizer *symbolizer,
			   const char *name)
{
	struct hadal_value value;

	if (hadal_value_evaluate(kernel, symbolizer, name, &value, NULL) || !value.in_memory)
		return 0;
	return hadal_value_size(value.types, &value.type);
}

/* As nm: text, also that of weak symbols. */
static bool is_code(char type)
{
	return strchr("tTwW", type) != NULL;
}

/* Parts "symbol+offset". Returns 0 or -EINVAL. */
static int part_name(const char *text, char *name, size_t size, uint64_t *offset,
		     struct hadal_error *error)
{
	char *plus;

	*offset = 0;
	snprintf(name, size, "%s", text);
	plus = strchr(name, '+');
	if (!plus)
		return 0;
	if (parse_number(plus + 1, offset))
		return hadal_fail(error, EINVAL,
				  "invalid ADDRESS '%s': expected a number behind the +", text);
	*plus = '\0';
	return 0;
}

static int use_symbol(struct cli_target *target, struct hadal_symbolizer *symbolizer,
		      struct event_target *found, struct hadal_error *error)
{
	char name[HADAL_SYMBOL_NAME_MAX + HADAL_MODULE_NAME_MAX];
	struct hadal_symbol_place place;
	uint64_t offset, size;
	size_t count;
	int result = part_name(found->name, name, sizeof(name), &offset, error);

	if (result)
		return result;
	if (!hadal_symbol_find(symbolizer, name, &place, &count))
		return hadal_fail(error, ENOENT, "Neither the kernel nor a module has a symbol %s",
				  name);
	if (count > 1)
		fprintf(stderr,
			"hadal: Several symbols are called %s; this is the first, 'hadal symbols "
			"%s' lists them\n",
			name, name);
	if (!(place.symbol.address >> 63))
		return hadal_fail(
			error, EINVAL,
			"%s is there once for each CPU: say which, as in 'per_cpu(%s, 0)'", name,
			name);
	use_kernel(target, found);
	found->code = is_code(place.symbol.type);
	found->address = place.symbol.address + offset;
	size = found->code ? 0 : typed_size(target->kernel.kernel, symbolizer, name);
	if (!size)
		size = hadal_symbol_end(symbolizer, &place) - place.symbol.address;
	found->length = offset < size ? size - offset : 0;
	return 0;
}

static int use_expression(struct cli_target *target, struct hadal_symbolizer *symbolizer,
			  struct event_target *found, struct hadal_error *error)
{
	struct hadal_value_type pointed;
	struct hadal_value value;
	int result =
		hadal_value_evaluate(target->kernel.kernel, symbolizer, found->name, &value, error);

	if (result)
		return result;
	use_kernel(target, found);
	if (value.in_memory) {
		found->address = value.address;
		found->length = hadal_value_size(value.types, &value.type);
		return 0;
	}
	found->address = value.number;
	if (hadal_value_target(value.types, &value.type, &pointed))
		found->length = hadal_value_size(value.types, &pointed);
	return 0;
}

int event_target_find(struct cli_target *target, const struct cli_where *where,
		      struct hadal_symbolizer *symbolizer, const char *text,
		      struct event_target *found, struct hadal_error *error)
{
	int result;

	*found = (struct event_target){.name = text};
	if (!parse_number(text, &found->address))
		return use_number(target, where, found);
	if (where->space == CLI_SPACE_PHYSICAL || where->space == CLI_SPACE_ROOT)
		return hadal_fail(
			error, EINVAL,
			"invalid ADDRESS '%s': expected a number, such as 0x1000, for only "
			"the kernel's addresses have symbols",
			text);
	if (text[strcspn(text, "()[]*&>-")])
		return use_expression(target, symbolizer, found, error);
	result = use_symbol(target, symbolizer, found, error);
	/* A dot is of a member, or of what a compiler has made of a function: "schedule.part.0". */
	return result == -ENOENT && strchr(text, '.')
		       ? use_expression(target, symbolizer, found, error)
		       : result;
}

static int physical_of(const struct event_target *target, uint64_t address, uint64_t *physical,
		       struct hadal_error *error)
{
	*physical = address;
	if (!target->space || !hadal_space_address(target->space, address, physical))
		return 0;
	return hadal_fail(
		error, EFAULT, "There is no memory at %#" PRIx64 ": it is not mapped%s", address,
		target->kernel ? "" : " now, or was moved to swap; let the process touch it first");
}

int event_target_pieces(const struct event_target *target, struct event_piece *pieces, int most,
			struct hadal_error *error)
{
	uint64_t offset = 0;
	int count = 0;

	while (offset < target->length) {
		uint64_t address = target->address + offset, left = target->length - offset;
		uint64_t part = left < PAGE_LEFT(address) ? left : PAGE_LEFT(address), physical;
		int result = physical_of(target, address, &physical, error);

		if (result)
			return result;
		if (count && pieces[count - 1].first + pieces[count - 1].count == physical) {
			pieces[count - 1].count += part;
		} else if (count < most) {
			pieces[count++] = (struct event_piece){physical, part, offset};
		} else {
			return hadal_fail(error, ENOSPC,
					  "%#" PRIx64 " bytes from %#" PRIx64
					  " on lie in more than %d pieces of physical memory; ask "
					  "for fewer with --length",
					  target->length, target->address, most);
		}
		offset += part;
	}
	return count;
}
