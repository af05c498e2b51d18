"""The shape of the file through which the helper hands pictures to the panel."""

SLOT_BYTES = 1920 * 1080 * 4
N_SLOTS = 6
