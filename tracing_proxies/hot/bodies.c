/* Runs the body of a module that a loader is told to run, and tells when it has: no frame of ours stands between the two,
   which the body could see, or whose line would be in what it raises. */
#include "parts.h"

/* run_body(begun, ended, exec_module, loader, args, kwargs): begun(*args, **kwargs) answers what `ended` is to be called
   with, None if it is not. */
PyObject *
hot_run_body(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 6 || !PyTuple_Check(args[4]) || !PyDict_Check(args[5])) {
        PyErr_SetString(PyExc_TypeError, "two listeners, a method, its loader, arguments and keywords are needed");
        return NULL;
    }
    PyObject *type, *value, *traceback, *told = PyObject_Call(args[0], args[4], args[5]);
    if (told == NULL)
        return NULL;
    PyObject *result = PyObject_Call(args[2], args[4], args[5]);
    if (told != Py_None) {
        PyErr_Fetch(&type, &value, &traceback);
        int failed = hot_told(PyObject_CallOneArg(args[1], told)) < 0;
        result = hot_come_to(result, failed, type, value, traceback);
    }
    Py_DECREF(told);
    return result;
}
