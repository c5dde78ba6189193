# SPDX-License-Identifier: MIT
# libhadal: every source below lib/ goes into build/libhadal.a.
LIB_SRC := $(wildcard lib/*.c lib/kernel/*.c)
LIB_OBJ := $(LIB_SRC:%.c=build/%.o)
LIB_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -D_GNU_SOURCE -Iinclude -Ilib -MMD -MP
LIB_LIBS := -lbpf -lelf -lz

build/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) -c -o $@ $<

build/libhadal.a: $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

-include $(LIB_OBJ:.o=.d)
