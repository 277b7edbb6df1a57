/* Makes what stands for the calls under way without the collector counting it.

   The collector comes for every 700 objects that have been made and not freed again, and now and then it then goes through
   all there are, which takes an application of some size a tenth of a second. It would come the sooner for every call that is
   under way: a fifth sooner in the first application. What is made here it finds and frees as ever, and it comes
   when it would have come without us. Memory of ours does not grow for that: what is not in a circle is freed at once, and
   circles through what is made here go through objects of the application, which are counted. */
#include "parts.h"

#if PY_VERSION_HEX < 0x030E0000 && !defined(Py_GIL_DISABLED)
/* What stands before an object: two words of the collector's, and before them two of the interpreter's for weak references,
   where the class asks for that (`_PyType_PreHeaderSize`). */
static size_t
size_before(PyTypeObject *type)
{
    size_t words = 2;
#ifdef Py_TPFLAGS_MANAGED_WEAKREF
    if (type->tp_flags & Py_TPFLAGS_MANAGED_WEAKREF)
        words += 2;
#endif
    return words * sizeof(PyObject *);
}

static PyObject *
alloc(PyTypeObject *type, Py_ssize_t count)
{
    size_t before = size_before(type);
    char *memory = PyObject_Calloc(1, before + (size_t)type->tp_basicsize);
    if (memory == NULL)
        return PyErr_NoMemory();
    PyObject *made = PyObject_Init((PyObject *)(memory + before), type);
    PyObject_GC_Track(made);
    return made;
}

static void
release(void *object)
{
    if (PyObject_GC_IsTracked(object))
        PyObject_GC_UnTrack(object);
    PyObject_Free((char *)object - size_before(Py_TYPE(object)));
}

/* Let the instances of a class be made so; not one whose instances have a dict from the start, which is more than memory. */
void
hot_uncount(PyTypeObject *type)
{
    if (!(type->tp_flags & Py_TPFLAGS_HAVE_GC) || type->tp_itemsize)
        return;
#ifdef Py_TPFLAGS_MANAGED_DICT
    if (type->tp_flags & Py_TPFLAGS_MANAGED_DICT)
        return;
#endif
    type->tp_alloc = alloc;
    type->tp_free = release;
}
#else
void
hot_uncount(PyTypeObject *type)
{
}
#endif
