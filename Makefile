# The two commands are `make run` and `make test`; `make help` lists the rest.

BUILD ?= .build
PREFIX ?= /usr/local
MONITOR_SOURCES = $(wildcard Sources/CEpoll/Monitor/*.c Sources/CEpoll/Monitor/*.h) \
	Sources/CEpoll/include/monitor_protocol.h
# The monitor is one static C program: linked through swiftc it would carry the Swift runtime.
MONITOR_FLAGS = -std=gnu11 -Os -static -Wall -Wextra -Werror -ISources/CEpoll/include

$(BUILD)/release/gr-monitor $(BUILD)/debug/gr-monitor: $(MONITOR_SOURCES)
	@mkdir -p $(dir $@)
	$(CC) $(MONITOR_FLAGS) $(filter %.c,$^) -o $@
