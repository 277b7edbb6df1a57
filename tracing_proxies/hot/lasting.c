/* Has the collector pass by what of this package lives as long as the process: its modules' functions and classes.

   Every collection of everything goes through all objects that may be in a circle of garbage. These never are, and they
   lie all over the memory: of what such a collection takes in a small program, they would be a third.

   The collector takes what it does not follow for alive, and with it what that refers to. So it is: each of these is held by
   a reference that is never given back. Nothing of the application's is held longer for it, since what is registered for
   forks, and what is lent to the other parts here, holds functions of this package, and with them its modules, to the end. */
#include "parts.h"

#include <string.h>

static const char package[] = "tracing_proxies";

static int
is_in_package(PyObject *module)
{
    const char *name;
    if (module == NULL || !PyUnicode_Check(module))
        return 0;
    if ((name = PyUnicode_AsUTF8(module)) == NULL) {
        PyErr_Clear();
        return 0;
    }
    return strncmp(name, package, sizeof(package) - 1) == 0 &&
           (name[sizeof(package) - 1] == 0 || name[sizeof(package) - 1] == '.');
}

/* The name of the module of a class, borrowed: none for the classes of C, which are not followed anyway. */
static PyObject *
module_of(PyTypeObject *class)
{
    PyObject *found = NULL;
    if (class->tp_flags & Py_TPFLAGS_HEAPTYPE && class->tp_dict != NULL) {
        found = PyDict_GetItemWithError(class->tp_dict, hot.module);
        if (found == NULL)
            PyErr_Clear();
    }
    return found;
}

static int
is_from_attrs(PyObject *module)
{
    return module != NULL && PyUnicode_Check(module) && PyUnicode_CompareWithASCIIString(module, "attr._make") == 0;
}

/* Whether attrs has made something: for each class of records a tuple of its fields, of a class of its own. */
static int
is_of_attrs(PyTypeObject *class)
{
    return is_from_attrs(module_of(class));
}

/* The same for a function: what a class of ours has got from it has been made within another. */
static int
is_made_by_attrs(PyFunctionObject *function)
{
    const char *name = is_from_attrs(function->func_module) ? PyUnicode_AsUTF8(function->func_qualname) : "";
    if (name == NULL)
        PyErr_Clear();
    return name != NULL && strstr(name, "<locals>") != NULL;
}

/* Whether something is of one of the import system's classes, which are written in Python. */
static int
is_named(PyTypeObject *kind, const char *name)
{
    return kind->tp_flags & Py_TPFLAGS_HEAPTYPE && strcmp(kind->tp_name, name) == 0;
}

static int
is_record(PyObject *object)
{
    return is_in_package(module_of(Py_TYPE(object)));
}

/* Whether something lasts for being held by what lasts. What may be taken out of its holder again does not: the values of
   modules and classes other than functions, classes and descriptors, and what is in lists and dicts. */
static int
lasts(PyObject *found, PyObject *holder)
{
    PyTypeObject *kind = Py_TYPE(found);
    int within = PyTuple_Check(holder);
    if (kind == &PyFunction_Type)
        return is_in_package(((PyFunctionObject *)found)->func_module) || is_made_by_attrs((PyFunctionObject *)found);
    if (PyType_Check(found))
        return is_in_package(module_of((PyTypeObject *)found)) ||
               (within && (PyObject *)Py_TYPE(holder) == found && is_of_attrs((PyTypeObject *)found));
    if (kind == &PyTuple_Type)
        return within || PyFunction_Check(holder) || PyType_Check(holder);
    if (kind == &PyDict_Type)
        return PyModule_Check(holder) || PyType_Check(holder);
    if (kind == &PyCell_Type)
        return within;
    if (kind == &PyProperty_Type || kind == &PyClassMethod_Type || kind == &PyStaticMethod_Type ||
        kind == &PyMemberDescr_Type || kind == &PyGetSetDescr_Type)
        return PyDict_Check(holder);
    if (is_named(kind, "ModuleSpec") || is_named(kind, "SourceFileLoader"))
        return PyDict_Check(holder) || is_named(Py_TYPE(holder), "ModuleSpec");
    if (kind == &PyList_Type) /* the names of modules that are being imported */
        return is_named(Py_TYPE(holder), "ModuleSpec");
    if (is_of_attrs(kind))
        return within || PyDict_Check(holder);
    return (within || is_record(holder)) && is_record(found);
}

static int
look(PyObject *found, void *holder)
{
    if (!PyObject_GC_IsTracked(found) || !lasts(found, holder))
        return 0;
    PyObject_GC_UnTrack(Py_NewRef(found)); /* before what it holds, which may hold it */
    return Py_TYPE(found)->tp_traverse(found, look, found);
}

/* Have the collector pass by some constant tuples of records, and by what lasts of some modules, but for the modules
   themselves, which the interpreter empties as it ends if anything holds them. No code of Python's runs meanwhile. */
PyObject *
hot_pass_by(PyObject *self, PyObject *roots)
{
    if (!PyList_CheckExact(roots)) {
        PyErr_SetString(PyExc_TypeError, "a list is needed");
        return NULL;
    }
    for (Py_ssize_t each = 0; each < PyList_GET_SIZE(roots); each++) {
        PyObject *root = PyList_GET_ITEM(roots, each);
        if (PyModule_CheckExact(root))
            look(PyModule_GetDict(root), root);
        else if (PyTuple_CheckExact(root))
            look(root, root);
    }
    Py_RETURN_NONE;
}
