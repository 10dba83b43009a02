// What the allocator does with freed memory.
#pragma once

namespace braid {

// Lets the process keep freed buffers of up to 4 MB for reuse, up to 16 MB a heap, instead of returning them to the
// system and getting them back one page fault at a time. Call it when a program starts: it is a setting of the whole
// process, not for a library. Does nothing where the C library has no such setting.
void keep_freed_memory();

// Returns to the system what is freed now, in all threads' heaps. Some milliseconds: for when a large model is loaded
// and its files' parts are gone.
void return_freed_memory();

}  // namespace braid
