/* Makes what stands for the calls under way without the collector counting it.

   The collector comes for every 700 objects that have been made and not freed again, and now and then it then goes through
   all there are, which takes an application of some size a tenth of a second. It would come the sooner for every call that is
   under way: a fifth sooner in the first application. What is made here it finds and frees as ever, and it comes
   when it would have come without us. Memory of ours does not grow for that: what is not in a circle is freed at once, and
   circles through what is made here go through objects of the application, which are counted.

   The interpreter and OpenTelemetry count what they make for a call of ours. As long as that is under way the collector
   counts so many less, and afterwards so many more, so that nothing adds up. */
#include "parts.h"

static int
traverse(PyObject *self, visitproc visit, void *arg)
{
    return 0;
}

/* Something that the collector counts as it is made and as it is freed, and that holds nothing. */
PyTypeObject CountedType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.Counted",
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = traverse,
};

#if PY_VERSION_HEX < 0x030E0000 && !defined(Py_GIL_DISABLED)
#define RECOUNTS
#define COMPANIONS 5

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

/* Have the collector count so many objects less, by freeing as many that it has not counted. */
static int
count_less(Py_ssize_t objects)
{
    size_t before = size_before(&CountedType);
    for (; objects > 0; objects--) {
        char *memory = PyObject_Calloc(1, before + sizeof(PyObject));
        if (memory == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        Py_SET_TYPE((PyObject *)(memory + before), &CountedType);
        PyObject_GC_Del(memory + before);
    }
    return 0;
}

/* Have it count so many more again. If that is more than are allowed, the next object that is made begins a collection. */
static int
count_more(Py_ssize_t objects)
{
    size_t before = size_before(&CountedType);
    int was_on = PyGC_Disable(), failed = 0;
    for (; objects > 0 && !failed; objects--) {
        PyObject *made = PyObject_GC_New(PyObject, &CountedType);
        if (made == NULL)
            failed = -1;
        else
            PyObject_Free((char *)made - before);
    }
    if (was_on)
        PyGC_Enable();
    return failed;
}

/* How many objects that others make stand beside one of ours while its call is under way: what is current below the call,
   the token that restores what was before, two nodes of the interpreter's context, and what the call was passed. */
static Py_ssize_t
companions_of(PyTypeObject *type)
{
    return type == hot.type.CallScope || (PyObject *)type == hot.Unrecorded ? COMPANIONS : 0;
}

static PyObject *
alloc(PyTypeObject *type, Py_ssize_t count)
{
    size_t before = size_before(type);
    char *memory = PyObject_Calloc(1, before + (size_t)type->tp_basicsize + (size_t)(count * type->tp_itemsize));
    if (memory == NULL)
        return PyErr_NoMemory();
    PyObject *made = PyObject_Init((PyObject *)(memory + before), type);
    if (type->tp_itemsize)
        Py_SET_SIZE((PyVarObject *)made, count);
    PyObject_GC_Track(made);
    if (count_less(companions_of(type)) < 0)
        Py_CLEAR(made);
    return made;
}

static void
release(void *object)
{
    if (PyObject_GC_IsTracked(object))
        PyObject_GC_UnTrack(object);
    if (count_more(companions_of(Py_TYPE(object))) < 0)
        PyErr_Clear();
    PyObject_Free((char *)object - size_before(Py_TYPE(object)));
}

/* Let the instances of a class be made so; not one whose instances have a dict from the start, which is more than memory. */
void
hot_uncount(PyTypeObject *type)
{
    if (!(type->tp_flags & Py_TPFLAGS_HAVE_GC))
        return;
#ifdef Py_TPFLAGS_MANAGED_DICT
    if (type->tp_flags & Py_TPFLAGS_MANAGED_DICT)
        return;
#endif
    type->tp_alloc = alloc;
    type->tp_free = release;
}
#else
static int
count_less(Py_ssize_t objects)
{
    return 0;
}

static int
count_more(Py_ssize_t objects)
{
    return 0;
}

void
hot_uncount(PyTypeObject *type)
{
}
#endif

/* recount(objects): have the collector count so many objects more, or less; answers whether that can be done here. */
PyObject *
hot_recount(PyObject *module, PyObject *number)
{
    Py_ssize_t objects = PyLong_AsSsize_t(number);
    if ((objects == -1 && PyErr_Occurred()) || (objects < 0 ? count_less(-objects) : count_more(objects)) < 0)
        return NULL;
#ifdef RECOUNTS
    Py_RETURN_TRUE;
#else
    Py_RETURN_FALSE;
#endif
}
