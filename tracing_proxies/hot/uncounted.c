/* Makes what stands for the calls under way without the collector counting it.

   The collector comes for every 700 objects that have been made and not freed again, and now and then it then goes through
   all there are, which takes an application of some size a tenth of a second. It would come the sooner for every call that is
   under way: a fifth sooner in the first application. What is made here it finds and frees as ever, and it comes
   when it would have come without us. Memory of ours does not grow for that: what is not in a circle is freed at once, and
   circles through what is made here go through objects of the application, which are counted.

   The interpreter and OpenTelemetry count what they make for a call of ours. As long as that is under way the collector
   counts so many less, and afterwards so many more, so that nothing adds up. */
#include "collector.h"

#if HAS_GENERATIONS
#define COMPANIONS 3

Generation *hot_young;

/* Find that head: it follows what was added to the list last. Only what counts as it does is taken for it. */
int
hot_find_young(void)
{
    int is_it = 0;
    PyObject *gc = PyImport_ImportModule("gc"), *thresholds = NULL, *last = NULL, *more = NULL;
    if (gc == NULL || (thresholds = PyObject_CallMethod(gc, "get_threshold", NULL)) == NULL)
        goto end;
    int was_on = PyGC_Disable();
    if ((last = PySet_New(NULL)) != NULL) {
        Generation *found = (Generation *)(((uintptr_t *)last)[-2] & ~(uintptr_t)3);
        if (found->threshold == PyLong_AsLong(PyTuple_GET_ITEM(thresholds, 0)) && found->count >= 0) {
            int before = found->count;
            more = PySet_New(NULL);
            is_it = more != NULL && found->count == before + 1 && found->previous == (uintptr_t)more - sizeof(uintptr_t[2]);
        }
        if (is_it) {
            hot_young = found;
            hot_find_awaiting(gc, hot_young);
        }
    }
    if (was_on)
        PyGC_Enable();
end:
    Py_XDECREF(more);
    Py_XDECREF(last);
    Py_XDECREF(thresholds);
    Py_XDECREF(gc);
    return PyErr_Occurred() ? -1 : 0;
}

/* Have the collector count so many objects more, or less; a collection begins with the next object that is made, if any. */
static inline void
recount(Py_ssize_t objects)
{
    if (hot_young != NULL)
        hot_young->count = objects < -hot_young->count ? 0 : hot_young->count + (int)objects;
}

/* How many objects that others make stand beside one of ours while its call is under way: what is current below the call,
   and two nodes of the interpreter's context that hold it; two such nodes that are kept, and a token. */
static Py_ssize_t
companions_of(PyTypeObject *type)
{
    return type == hot.type.CallScope || type == &MapsType || (PyObject *)type == hot.Unrecorded ? COMPANIONS : 0;
}

static PyObject *
alloc(PyTypeObject *type, Py_ssize_t count)
{
    PyObject *made = PyType_GenericAlloc(type, count);
    if (made != NULL)
        recount(-1 - companions_of(type));
    return made;
}

static void
release(void *object)
{
    Py_ssize_t companions = companions_of(Py_TYPE(object));
    PyObject_GC_Del(object);
    recount(1 + companions);
    hot_look_for_promoted();
}

/* For how many objects one of a class stands that are not counted while it is there. */
Py_ssize_t
hot_uncounted_by(PyTypeObject *type)
{
    return type->tp_alloc == alloc ? 1 + companions_of(type) : 0;
}

/* Let the instances of a class be made so. */
void
hot_uncount(PyTypeObject *type)
{
    if (hot_young == NULL || !(type->tp_flags & Py_TPFLAGS_HAVE_GC))
        return;
    type->tp_alloc = alloc;
    type->tp_free = release;
}

/* recount(objects): whether that can be done here. */
PyObject *
hot_recount(PyObject *module, PyObject *number)
{
    Py_ssize_t objects = PyLong_AsSsize_t(number);
    if (objects == -1 && PyErr_Occurred())
        return NULL;
    recount(Py_MAX(-INT_MAX, Py_MIN(INT_MAX / 2, objects)));
    return PyBool_FromLong(hot_young != NULL);
}
#else
void
hot_uncount(PyTypeObject *type)
{
}

int
hot_find_young(void)
{
    return 0;
}

PyObject *
hot_recount(PyObject *module, PyObject *number)
{
    Py_RETURN_FALSE;
}
#endif
