// SPDX-License-Identifier: MIT
/* All views follow the map. */
#include "paging/memory.h"

void memory_follow_views(void)
{
	for (uint32_t i = 0; i < machine.copies.count; i++)
		if (memory_is_ram(machine.copies.at[i]->source))
			copy_refresh(machine.copies.at[i]);
	view_follow(&machine.watched);
	view_follow(&machine.code);
	view_follow(&machine.stepped);
	for (unsigned i = 0; i < HADAL_MAX_VIEWS; i++)
		view_follow(&machine.owned[i]);
}
