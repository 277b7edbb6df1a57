/* Has the collector pass by constants that can be in no circle, since nothing that they hold can.

   It does so itself for tuples of texts and numbers, but not for records. A registry is some thousand of them, in as many
   places of the memory, and every collection of everything goes through each.

   Nothing is held for it: what is in no circle is freed with its last reference, whether the collector follows it or not.
   So a record has to be frozen, and to have all of its values. A dict of such values is passed by as well, until it gets
   another, when the interpreter has the collector follow it again; what holds a dict is followed. */
#include "parts.h"

#define DEEPEST 200
#define DICTS_ARE_FOLLOWED_AGAIN (PY_VERSION_HEX < 0x030E0000)

typedef struct {
    PyObject *frozen; /* what attrs has refuse to set anything */
    PyObject *seen;   /* the addresses of what is followed, and has been looked into */
    int deep, failed;
    int is_settled; /* whether all that has been visited is */
} Visit;

static int settle(PyObject *found, Visit *visit);

static int
look(PyObject *found, void *visit)
{
    int so_far = ((Visit *)visit)->is_settled, now = settle(found, visit);
    ((Visit *)visit)->is_settled = so_far && now;
    return 0;
}

/* Whether something has a value in each of its slots. */
static int
is_complete(PyObject *record)
{
    for (PyTypeObject *class = Py_TYPE(record); class != NULL && class->tp_flags & Py_TPFLAGS_HEAPTYPE; class = class->tp_base)
        for (PyMemberDef *member = class->tp_members; member != NULL && member->name != NULL; member++)
            if (member->type == T_OBJECT_EX && *(PyObject **)((char *)record + member->offset) == NULL)
                return 0;
    return 1;
}

/* Whether attrs lets nothing be set on what is of a class, and its parts are all that it is. */
static int
is_frozen(PyTypeObject *kind, Visit *visit)
{
    if (!(kind->tp_flags & Py_TPFLAGS_HEAPTYPE) || kind->tp_dictoffset != 0 || kind->tp_dict == NULL)
        return 0;
    PyObject *set = PyDict_GetItemWithError(kind->tp_dict, hot.setattr);
    if (set == NULL)
        PyErr_Clear();
    if (set == NULL || set != visit->frozen)
        return 0;
    while (kind->tp_flags & Py_TPFLAGS_HEAPTYPE)
        kind = kind->tp_base;
    return kind == &PyBaseObject_Type; /* and no list of its own kind, say */
}

static int
has_parts(PyTypeObject *kind, Visit *visit)
{
    return kind == &PyTuple_Type || kind == &PyFrozenSet_Type || kind == &ReadingType || kind == &JudgementType ||
           is_frozen(kind, visit);
}

/* Whether what an object holds now it has held from its beginning, and will hold to its end. */
static int
is_constant(PyObject *found, Visit *visit)
{
    if (PyWeakref_CheckRefExact(found))
        return ((PyWeakReference *)found)->wr_callback == NULL; /* what it refers to it does not hold */
    return has_parts(Py_TYPE(found), visit) && is_complete(found);
}

/* Whether something has been looked into before; -1 with an exception. */
static int
note(PyObject *found, Visit *visit)
{
    PyObject *address = PyLong_FromVoidPtr(found);
    int is_known = address == NULL ? -1 : PySet_Contains(visit->seen, address);
    if (is_known == 0 && PySet_Add(visit->seen, address) < 0)
        is_known = -1;
    Py_XDECREF(address);
    return is_known;
}

/* What is an instance's own dict keeps its values within the instance, where the collector does not look for them. */
static int
may_hold(PyObject *found)
{
    PyTypeObject *kind = Py_TYPE(found);
    return (kind == &PyDict_Type && ((PyDictObject *)found)->ma_values == NULL) || kind == &PyList_Type ||
           kind == &PyDictProxy_Type;
}

/* Settle an object and what it holds: whether it can be in no circle. */
static int
settle(PyObject *found, Visit *visit)
{
    if (!PyObject_IS_GC(found))
        return 1;
    if (PyType_Check(found) || PyFunction_Check(found))
        return !PyObject_GC_IsTracked(found); /* one of ours, which lasts */
    PyTypeObject *kind = Py_TYPE(found);
    int constant = is_constant(found, visit);
    if (!PyObject_GC_IsTracked(found))
        return constant;
    if (visit->failed || visit->deep >= DEEPEST || !(constant || has_parts(kind, visit) || may_hold(found)))
        return 0;
    int known = note(found, visit);
    if (known) {
        visit->failed |= known < 0;
        return 0;
    }
    int outer = visit->is_settled, is_settled;
    visit->is_settled = 1;
    visit->deep++;
    kind->tp_traverse(found, look, visit);
    visit->deep--;
    is_settled = visit->is_settled && !visit->failed;
    visit->is_settled = outer;
    if (is_settled && (constant || (DICTS_ARE_FOLLOWED_AGAIN && kind == &PyDict_Type)))
        PyObject_GC_UnTrack(found);
    return is_settled && constant;
}

/* settle(object, what attrs has refuse to set anything): do so with what it holds, as far as that is constant. No code of
   Python's runs meanwhile. */
PyObject *
hot_settle_constants(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2) {
        PyErr_SetString(PyExc_TypeError, "an object and a function are needed");
        return NULL;
    }
    Visit visit = {args[1], PySet_New(NULL), 0, 0, 1};
    if (visit.seen == NULL)
        return NULL;
    settle(args[0], &visit);
    Py_DECREF(visit.seen);
    if (visit.failed)
        return NULL;
    Py_RETURN_NONE;
}
