// SPDX-License-Identifier: MIT
/* Code that breakpoints are put into, and that is called from several processes. */
#include "support/victim.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/check.h"
#include "support/open.h"
#include "support/ring0.h"

#define BEFORE_END 4u /* of the piece that goes on in the next page */

extern uint8_t victim_start[], victim_cross[], victim_end[];
extern const struct victim_point victim_table[], victim_table_end[];

/* RDI: x, RSI: the scratch. Instructions of all kinds that a breakpoint can be at. */
__asm__(".macro at instruction:vararg\n"
	"777: \\instruction\n"
	".pushsection .rodata.victim\n"
	".quad 777b - victim_start, piece\n"
	".popsection\n"
	".endm\n"
	".macro piece number\n"
	".balign 32, 0x90\n"
	".set piece, \\number\n"
	"victim_piece_\\number:\n"
	".endm\n"
	".pushsection .rodata.victim\n"
	"victim_table:\n"
	".popsection\n"
	".pushsection .text\n"
	".balign 64\n"
	"victim_start:\n"
	"piece 0\n"
	"at nopl 0(%rax,%rax,1)\n"
	"at lea 1(%rdi), %rax\n"
	"at ret\n"
	"piece 1\n"
	"at push %rbp\n"
	"at mov %rsp, %rbp\n"
	"at mov %rdi, %rax\n"
	"at pop %rbp\n"
	"at ret\n"
	"piece 2\n"
	"at xor %eax, %eax\n"
	"at add %rdi, %rax\n"
	"at ret\n"
	"piece 3\n"
	"at pushfq\n"
	"at pop %rax\n"
	"at and $0x300, %eax\n"
	"at ret\n"
	"piece 4\n"
	"at endbr64\n"
	"at mov %rdi, (%rsi)\n"
	"at mov (%rsi), %rax\n"
	"at ret\n"
	"piece 5\n"
	"at mov $3, %ecx\n"
	"at mov %rdi, %rax\n"
	"at mov %rsi, %rdi\n"
	"at rep stosq\n"
	"at mov 16(%rsi), %rax\n"
	"at ret\n"
	"piece 6\n"
	"at mov $110, %eax\n" /* getppid */
	"at syscall\n"
	"at mov %rdi, %rax\n"
	"at ret\n"
	".balign 32, 0x90\n"
	"victim_cross:\n"
	".set piece, 7\n"
	"at movabs $0x1122334455667788, %rax\n"
	"at add %rdi, %rax\n"
	"at ret\n"
	"piece 8\n"
	"at call 1f\n"
	"at ret\n"
	"1:\n"
	"at push %rdi\n"
	"at nopw 0(%rax,%rax,1)\n"
	"at pop %rax\n"
	"at jmp 2f\n"
	"2:\n"
	"at ret\n"
	"victim_end:\n"
	".popsection\n"
	".pushsection .rodata.victim\n"
	"victim_table_end:\n"
	".popsection\n");

#define PIECES 9u

unsigned int victim_points(void)
{
	return victim_table_end - victim_table;
}

const struct victim_point *victim_point(unsigned int index)
{
	return &victim_table[index];
}

unsigned int victim_pieces(void)
{
	return PIECES;
}

static const uint8_t *original(void)
{
	return victim_start;
}

void victim_open(struct victim *victim)
{
	victim->pages = mmap(NULL, VICTIM_PAGES * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);
	CHECK(victim->pages != MAP_FAILED);
	victim->code = victim->pages + PAGE - BEFORE_END - (victim_cross - victim_start);
	memcpy(victim->code, original(), victim_end - victim_start);
	victim->words = (volatile uint64_t *)(victim->pages + 2 * PAGE) - VICTIM_WORDS;
	for (unsigned int i = 0; i < VICTIM_PAGES; i++)
		victim->physical[i] = physical_of(victim->pages + i * PAGE);
}

bool victim_stays(const struct victim *victim)
{
	for (unsigned int i = 0; i < VICTIM_PAGES; i++)
		if (physical_of(victim->pages + i * PAGE) != victim->physical[i])
			return false;
	return true;
}

uint64_t victim_address(const struct victim *victim, unsigned int point)
{
	return (uintptr_t)victim->code + victim_table[point].offset;
}

static uint64_t expected(unsigned int piece, uint64_t x)
{
	switch (piece) {
	case 0:
		return x + 1;
	case 3:
		return 0x200;
	case 7:
		return x + 0x1122334455667788;
	default:
		return x;
	}
}

static uint64_t offset_of_piece(unsigned int piece)
{
	unsigned int point = 0;

	while (victim_table[point].piece != piece)
		point++;
	return victim_table[point].offset;
}

bool victim_call(const struct victim *victim, unsigned int piece, uint64_t x, uint64_t *scratch)
{
	uint64_t address = (uintptr_t)victim->code + offset_of_piece(piece);
	uint64_t got = ((uint64_t(*)(uint64_t, uint64_t *))address)(x, scratch);

	if (got != expected(piece, x)) {
		printf("piece %u of %#llx is %#llx\n", piece, (unsigned long long)x,
		       (unsigned long long)got);
		return false;
	}
	return piece != VICTIM_REPEATS || (scratch[0] == x && scratch[1] == x && scratch[2] == x);
}

/* From a page without breakpoints: where there are no pages for fetches alone, code sees its own.
 */
static int (*volatile compare)(const void *, const void *, size_t) = memcmp;

bool victim_reads_right(const struct victim *victim)
{
	return !compare(victim->code, original(), victim_end - victim_start);
}
