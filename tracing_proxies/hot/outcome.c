/* Writes onto a span what its rule reads of the call, as `write_beginning` and `write_end` of recording/outcome.py do. */
#include "parts.h"

typedef PyObject *Copy(PyObject *value, PyObject *limits);

/* Evaluate a value, and copy what is found; MISSING stays as it is. */
static PyObject *
copy_found(PyObject *value, PyObject *scope, PyObject *limits, Copy copy)
{
    PyObject *found = hot_evaluate(value, scope), *copied;
    if (found == NULL || found == hot.MISSING)
        return found;
    copied = copy(found, limits);
    Py_DECREF(found);
    return copied;
}

/* Evaluate values by name; what is missing is left out. */
static PyObject *
copy_named(PyObject *given, PyObject *scope, PyObject *limits)
{
    PyObject *found = PyDict_New(), *key, *value, *copied = NULL;
    Py_ssize_t at = 0;
    if (found == NULL)
        return NULL;
    while (PyDict_Next(given, &at, &key, &value)) {
        PyObject *read = hot_evaluate(value, scope);
        if (read == NULL || (read != hot.MISSING && PyDict_SetItem(found, key, read) < 0)) {
            Py_XDECREF(read);
            Py_DECREF(found);
            return NULL;
        }
        Py_DECREF(read);
    }
    copied = hot_kept(found, limits);
    Py_DECREF(found);
    return copied;
}

/* What a rule records as the input or the output, as `_side`. */
static PyObject *
copy_side(PyObject *given, PyObject *scope, PyObject *recipe, PyObject *whole)
{
    PyObject *limits = SLOT(recipe, Recipe, limits), *copied;
    if (given == Py_None || scope == Py_None)
        return hot_kept(whole, limits);
    if (PyDict_CheckExact(given))
        return copy_named(given, scope, limits);
    if (!PyCallable_Check(given))
        return PyObject_CallFunctionObjArgs(hot.side, given, scope, recipe, whole, NULL);
    copied = copy_found(given, scope, limits, hot_kept);
    if (copied == hot.MISSING)
        Py_SETREF(copied, Py_NewRef(Py_None));
    return copied;
}

/* Put what is found of named values into a span's metadata. */
static int
put_values(Span *span, PyObject *pairs, PyObject *scope, PyObject *limits)
{
    int done = 0;
    Py_INCREF(pairs); /* a recipe that steps down lets go of them */
    for (Py_ssize_t at = 0; done == 0 && at < PyTuple_GET_SIZE(pairs); at++) {
        PyObject *pair = PyTuple_GET_ITEM(pairs, at), *found, *metadata;
        found = copy_found(PyTuple_GET_ITEM(pair, 1), scope, limits, hot_snapshot);
        if (found == NULL)
            done = -1;
        else if (found != hot.MISSING) {
            metadata = hot_metadata(span);
            done = metadata == NULL ? -1 : PyDict_SetItem(metadata, PyTuple_GET_ITEM(pair, 0), found);
        }
        Py_XDECREF(found);
    }
    Py_DECREF(pairs);
    return done;
}

/* Set a field to what a value reads as text, if there is such a value and anything is found. */
static int
write_text(PyObject **field, PyObject *value, PyObject *scope, PyObject *how)
{
    PyObject *found, *text;
    if (value == Py_None)
        return 0;
    found = hot_evaluate(value, scope);
    if (found == NULL)
        return -1;
    if (found == hot.MISSING || (PyUnicode_CheckExact(found) && PyUnicode_GET_LENGTH(found) <= LONGEST_RENDERED)) {
        if (found != hot.MISSING)
            hot_set(field, found);
        Py_DECREF(found);
        return 0;
    }
    text = PyObject_CallOneArg(how, found);
    Py_DECREF(found);
    return hot_put(field, text);
}

static int
add_tags(Trace *trace, PyObject *tags, PyObject *scope)
{
    PyObject *texts = PyTuple_New(PyTuple_GET_SIZE(tags)), *told;
    for (Py_ssize_t at = 0; texts != NULL && at < PyTuple_GET_SIZE(tags); at++) {
        PyObject *text = hot_evaluate(PyTuple_GET_ITEM(tags, at), scope);
        if (text == NULL)
            Py_CLEAR(texts);
        else
            PyTuple_SET_ITEM(texts, at, text);
    }
    if (texts == NULL)
        return -1;
    told = PyObject_CallMethodOneArg((PyObject *)trace, hot.add_tags, texts);
    Py_DECREF(texts);
    Py_XDECREF(told);
    return told == NULL ? -1 : 0;
}

static int
begin_record(Span *span, Trace *trace, PyObject *recipe, PyObject *scope, PyObject *args)
{
    PyObject *name = SLOT(recipe, Recipe, constant_name), *limits = SLOT(recipe, Recipe, limits);
    hot_set(&span->type, SLOT(recipe, Recipe, observation));
    if (name != Py_None)
        hot_set(&span->name, name);
    else if (hot_put(&span->name, hot_evaluate(SLOT(recipe, Recipe, name), scope)) < 0)
        return -1;
    if (SLOT(recipe, Recipe, capture_input) == Py_True && trace->payload == Py_True) {
        if (hot_put(&span->_input, copy_side(SLOT(recipe, Recipe, input), scope, recipe, args)) < 0)
            return -1;
        hot_set(&span->arguments, Py_None);
        hot_set(&span->keywords, Py_None);
    }
    if (scope == Py_None)
        return 0;
    if (put_values(span, SLOT(recipe, Recipe, metadata), scope, limits) < 0 ||
        write_text(&trace->session, SLOT(recipe, Recipe, session), scope, hot.render) < 0 ||
        write_text(&trace->user, SLOT(recipe, Recipe, user), scope, hot.render) < 0)
        return -1;
    return PyTuple_GET_SIZE(SLOT(recipe, Recipe, tags)) ? add_tags(trace, SLOT(recipe, Recipe, tags), scope) : 0;
}

/* Write what is known when the call starts. `args` are the arguments by name, None if nobody needs them. The caller
   holds the recipe and the scope. */
int
hot_begin_record(Span *span, PyObject *recipe, PyObject *scope, PyObject *args)
{
    PyObject *trace = Py_NewRef(span->trace);
    int done = begin_record(span, (Trace *)trace, recipe, scope, args);
    Py_DECREF(trace);
    return done;
}

/* Take a result's counts of tokens. */
static int
take_usage(Span *span, PyObject *pairs, PyObject *scope)
{
    PyObject *found = PyDict_New();
    int done = found == NULL ? -1 : 0;
    for (Py_ssize_t at = 0; done == 0 && at < PyTuple_GET_SIZE(pairs); at++) {
        PyObject *pair = PyTuple_GET_ITEM(pairs, at), *number = hot_evaluate(PyTuple_GET_ITEM(pair, 1), scope);
        if (number == NULL || (PyLong_CheckExact(number) && PyDict_SetItem(found, PyTuple_GET_ITEM(pair, 0), number) < 0))
            done = -1;
        Py_XDECREF(number);
    }
    if (done == 0 && PyDict_GET_SIZE(found))
        hot_set(&span->usage, found);
    Py_XDECREF(found);
    return done;
}

/* Write what the call returned. The caller holds the recipe and the scope. */
int
hot_end_record(Span *span, PyObject *recipe, PyObject *scope, PyObject *result)
{
    Trace *trace = (Trace *)span->trace;
    PyObject *limits = SLOT(recipe, Recipe, limits), *told;
    int captured = SLOT(recipe, Recipe, capture_output) == Py_True && trace->payload == Py_True, failed;
    if (!hot_is_error(span))
        hot_set(&span->level, SLOT(recipe, Recipe, level));
    if (scope == Py_None)
        return captured ? hot_put(&span->output, hot_kept(result, limits)) : 0;
    hot_set(&SLOT(scope, CallScope, result), result);
    if (captured && hot_put(&span->output, copy_side(SLOT(recipe, Recipe, output), scope, recipe, result)) < 0)
        return -1;
    if (put_values(span, SLOT(recipe, Recipe, late_metadata), scope, limits) < 0 ||
        put_values(span, SLOT(recipe, Recipe, outcome), scope, limits) < 0 ||
        write_text(&span->status_message, SLOT(recipe, Recipe, status_message), scope, hot.text) < 0 ||
        write_text(&span->model, SLOT(recipe, Recipe, model), scope, hot.render) < 0 ||
        (PyTuple_GET_SIZE(SLOT(recipe, Recipe, usage)) && take_usage(span, SLOT(recipe, Recipe, usage), scope) < 0))
        return -1;
    if (SLOT(recipe, Recipe, error_when) == Py_None)
        return 0;
    failed = hot_holds(SLOT(recipe, Recipe, error_when), scope);
    if (failed <= 0)
        return failed;
    told = PyObject_CallFunctionObjArgs(hot.describe_returned_error, (PyObject *)span, recipe, scope, NULL);
    Py_XDECREF(told);
    return told == NULL ? -1 : 0;
}

static int
are_ours(PyObject *const *args, Py_ssize_t nargs)
{
    return nargs == 4 && Py_TYPE(args[0]) == hot.type.Span && Py_TYPE(args[1]) == hot.type.Recipe &&
        (args[2] == Py_None || Py_TYPE(args[2]) == hot.type.CallScope) && ((Span *)args[0])->trace != NULL &&
        Py_TYPE(((Span *)args[0])->trace) == hot.type.Trace;
}

/* Let the original do what is not for here: a span of another class. */
static PyObject *
by_original(PyObject *original, PyObject *const *args, Py_ssize_t nargs)
{
    return PyObject_Vectorcall(original, args, nargs, NULL);
}

/* begin_record(span, recipe, scope, args) */
PyObject *
hot_begin_record_of(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (!are_ours(args, nargs))
        return by_original(hot.write_beginning, args, nargs);
    if (hot_begin_record((Span *)args[0], args[1], args[2], args[3]) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* end_record(span, recipe, scope, result) */
PyObject *
hot_end_record_of(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (!are_ours(args, nargs))
        return by_original(hot.write_end, args, nargs);
    if (hot_end_record((Span *)args[0], args[1], args[2], args[3]) < 0)
        return NULL;
    Py_RETURN_NONE;
}
