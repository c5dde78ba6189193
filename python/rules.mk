# SPDX-License-Identifier: MIT
# The Python module, with its declarations of the library, in build/python/hadal.

PYTHON ?= /usr/bin/python3
PYTHON_SOURCES := $(wildcard python/hadal/*.py) python/hadal/py.typed
PYTHON_FILES := $(PYTHON_SOURCES:%=$(BUILD)/%) $(BUILD)/python/hadal/_library.py

test-programs: $(PYTHON_FILES)

$(BUILD)/python/hadal/%: python/hadal/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

$(BUILD)/python/hadal/_library.py: python/declarations.py $(LIB_HEADERS:%=lib/%) $(wildcard include/hadal/*)
	@mkdir -p $(@D)
	$(call say,PY,$@)
	$(Q)CC='$(CC)' $(PYTHON) $< --python $@ > /dev/null

.PHONY: python
python: $(PYTHON_FILES)

# Not with `make install`: where a Python of /usr/local looks depends on its version.
.PHONY: install-python
install-python: $(PYTHON_FILES)
	install -d $(DESTDIR)$(PREFIX)/lib/python3/dist-packages/hadal
	install -m 644 $^ $(DESTDIR)$(PREFIX)/lib/python3/dist-packages/hadal
