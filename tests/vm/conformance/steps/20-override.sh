# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# driver_override: kernel-abi.md 3.7.

section override
o=$plain/driver_override
r $o
we $o 'pci-stub'
r $o
w $o 'pci-stub\n'
r $o
w $o ''
r $o
w $o 'a b\nc'
r $o
w $o ' a '
r $o
w $o 'abc\0def'
r $o
w $o '\0abc'
r $o
w $o 'abc'
w $o '\n'
r $o
w $o ''
r $o
w $o '\nabc'
r $o
for length in 64 4093 4094 4095 4096 4097 5000; do
	fill $o $length
	size $o
done
w $o '(null)'
r $o
w $o '\n'
link $plain/driver
w $o 'no-such-driver'
link $plain/driver
we $plain/driver/unbind 0000:04:00.0
link $plain/driver
r $o
we drivers_probe 0000:04:00.0
link $plain/driver
w drivers/e1000e/bind 0000:04:00.0
w $o 'E1000E'
w drivers/e1000e/bind 0000:04:00.0
w $o 'e1000e'
we drivers_probe 0000:04:00.0
link $plain/driver
r $o
w $o '\n'
link $plain/driver
r $o
