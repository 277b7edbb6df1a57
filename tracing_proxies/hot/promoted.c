/* Takes what is ours off what awaits a full collection.

   What outlives two collections is promoted, and when a quarter as many objects await it as had outlived the last one, the
   collector goes through all that the application holds. Of calls under way it finds ours as well, a fifth of all that an
   application of many short calls has alive at a time; they are gone a moment later, and still bring the next full collection
   nearer. So they are taken off again, each once: full collections come when they would come without us. What the
   application has made awaits them as ever. */
#include "collector.h"

#if HAS_GENERATIONS
#define MOST_PROMOTED 20000 /* objects that were promoted at once; what is beyond awaits the full collection */
#define GENERATIONS 3
#define OLD (GENERATIONS - 1)

/* The collector's state, from its generations on. */
typedef struct {
    Generation generations[GENERATIONS];
    Generation *first;
    Generation permanent;
    struct {
        Py_ssize_t collections, collected, uncollectable;
    } stats[GENERATIONS];
    int is_collecting;
    PyObject *garbage, *callbacks;
    Py_ssize_t survivors, awaiting;
} Collector;

static Collector *collector;
static Py_ssize_t settled, full; /* how many awaited, and full collections there had been, the last time */

const Py_ssize_t *hot_promotions; /* collections after which survivors are promoted; NULL where that is not known */
Py_ssize_t hot_promotions_seen;

/* Whether a number of the statistics is the one that the module `gc` tells. */
static int
agrees(PyObject *told, const char *name, Py_ssize_t number)
{
    PyObject *found = PyDict_Check(told) ? PyDict_GetItemString(told, name) : NULL;
    return found != NULL && PyLong_AsSsize_t(found) == number;
}

/* Take what stands behind the young ones for the collector's state, if all of it that can be asked for agrees. */
void
hot_find_awaiting(PyObject *gc, Generation *young)
{
    Collector *found = (Collector *)young;
    PyObject *garbage = PyObject_GetAttrString(gc, "garbage"), *callbacks = PyObject_GetAttrString(gc, "callbacks");
    PyObject *stats = PyObject_CallMethod(gc, "get_stats", NULL);
    int is_it = garbage != NULL && callbacks != NULL && stats != NULL && PyList_Check(stats) &&
        PyList_GET_SIZE(stats) == GENERATIONS && found->first == young && found->garbage == garbage &&
        found->callbacks == callbacks && found->is_collecting == 0 && found->survivors >= 0 && found->awaiting >= 0;
    for (int each = 0; is_it && each < GENERATIONS; each++) {
        PyObject *told = PyList_GET_ITEM(stats, each);
        is_it = agrees(told, "collections", found->stats[each].collections) &&
            agrees(told, "collected", found->stats[each].collected) &&
            agrees(told, "uncollectable", found->stats[each].uncollectable);
    }
    Py_XDECREF(garbage);
    Py_XDECREF(callbacks);
    Py_XDECREF(stats);
    PyErr_Clear();
    if (!is_it)
        return;
    collector = found;
    settled = found->awaiting;
    full = found->stats[OLD].collections;
    hot_promotions = &found->stats[OLD - 1].collections;
    hot_promotions_seen = *hot_promotions;
}

/* How many objects ours stand for among the last that came to the old ones. */
static Py_ssize_t
count_ours(Py_ssize_t last)
{
    const uintptr_t old = (uintptr_t)&collector->generations[OLD];
    Py_ssize_t ours = 0;
    for (uintptr_t at = hot_before(old); last > 0 && at != old; last--, at = hot_before(at))
        ours += hot_uncounted_by(Py_TYPE(hot_object_at(at)));
    return ours;
}

/* Do so. What a collection frees comes here while its lists are in flux: then it is left for later. */
void
hot_settle_promoted(void)
{
    if (collector->is_collecting)
        return;
    if (full != collector->stats[OLD].collections || collector->awaiting < settled)
        settled = 0;
    Py_ssize_t ours = count_ours(Py_MIN(collector->awaiting - settled, MOST_PROMOTED));
    collector->awaiting -= Py_MIN(ours, collector->awaiting);
    settled = collector->awaiting;
    full = collector->stats[OLD].collections;
    hot_promotions_seen = *hot_promotions;
}
#endif
