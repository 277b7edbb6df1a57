/* Leaves what our own threads allocate out of what `tracemalloc` tells of the application's memory.

   An application, or a test of it, that bounds what some work takes at most, or leaves behind, measures the whole process;
   and meanwhile the worker writes spans down, and metrics are gathered. While an account is kept, an allocator of ours stands
   above that of `tracemalloc`, and takes off again what one of our threads has been given: the interpreter lets whoever has
   memory of its own do so. With the account's end the interpreter puts back the allocators that there were before it. */
#include "parts.h"

int hot_account_is_kept;
_Thread_local int hot_is_ours;

static void *
leave_out(void *block)
{
    if (block != NULL && hot_is_ours)
        (void)hot_take_off(block);
    return block;
}

static void *
allocate(void *below, size_t size)
{
    PyMemAllocatorEx *allocator = below;
    return leave_out(allocator->malloc(allocator->ctx, size));
}

static void *
allocate_cleared(void *below, size_t count, size_t size)
{
    PyMemAllocatorEx *allocator = below;
    return leave_out(allocator->calloc(allocator->ctx, count, size));
}

static void *
allocate_again(void *below, void *block, size_t size)
{
    PyMemAllocatorEx *allocator = below;
    return leave_out(allocator->realloc(allocator->ctx, block, size));
}

static void
release(void *below, void *block)
{
    PyMemAllocatorEx *allocator = below;
    allocator->free(allocator->ctx, block);
}

/* Stand above the allocator of a domain. What it was is kept for good: others may come to stand above us. */
static void
stand_above(PyMemAllocatorDomain domain)
{
    PyMemAllocatorEx below, *kept;
    PyMem_GetAllocator(domain, &below);
    if (below.malloc == allocate || (kept = malloc(sizeof(below))) == NULL)
        return;
    *kept = below;
    PyMemAllocatorEx ours = {kept, allocate, allocate_cleared, allocate_again, release};
    PyMem_SetAllocator(domain, &ours);
}

/* Have our threads left out, while an account is kept. Both domains belong to whoever holds the interpreter's lock. */
void
hot_leave_threads_untold(void)
{
    hot_account_is_kept = hot_take_off(NULL) == 0;
    if (!hot_account_is_kept)
        return;
    stand_above(PYMEM_DOMAIN_OBJ);
    stand_above(PYMEM_DOMAIN_MEM);
}

/* keep_untold(): the calling thread is one of ours. */
PyObject *
hot_keep_untold(PyObject *module, PyObject *nothing)
{
    hot_is_ours = 1;
    hot_leave_threads_untold();
    Py_RETURN_NONE;
}
