#!/bin/bash
# SPDX-License-Identifier: MIT
# The field's own tools open a dump, as far as they are installed; make test-tools installs them.
set -euo pipefail
cd "$(dirname "$0")/../../.."

exec tests/tools/run
