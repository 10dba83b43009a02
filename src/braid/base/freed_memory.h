// What the allocator does with freed memory.
#pragma once

namespace braid {

// Buffers of up to 4 MB that are freed stay with the process for the next of their kind, up to 16 MB a heap, instead of
// going back to the system and coming again a page fault at a time. For a program's beginning: it is the process's own
// affair, no library's. Nothing where the C library offers no such choice.
void keep_freed_memory();

}  // namespace braid
