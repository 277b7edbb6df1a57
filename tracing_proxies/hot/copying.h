/* What the parts share that copy one value within bounds.

   A copy is a row of words: a text or a number as it is, or the head of a container, which tells how many entries follow
   it, each a word or a container; those of a dict are names and values in turn. It is made into dicts and lists only when
   somebody wants to read it. A dict for each of hundreds that a trigger of an application has takes three times as long
   to make, and every one that waits for the worker is an allocation after which the collector runs the sooner. */
#ifndef TRACING_PROXIES_COPYING
#define TRACING_PROXIES_COPYING

#include "parts.h"

/* What is kept of a container. The collector need not know of it: what it holds, texts and numbers, leads nowhere. */
typedef struct {
    PyObject_VAR_HEAD
    PyObject *words[1];
} Copied;

/* The containers that are open above. */
typedef struct Open {
    PyObject *value;
    struct Open *above;
} Open;

/* A copy in the making. */
typedef struct {
    PyObject **words;
    Py_ssize_t size, room;
    PyObject *first[256];
} Draft;

/* The room that is left, as `Copy`, and what has been copied. */
typedef struct {
    Py_ssize_t left, nodes, items, depth;
    PyObject *limits;
    Open *open;
    Draft *draft;
} Room;

/* A text or a number in a row that is to be looked at closely: where it stands, how many nodes come before it, what it is
   labelled, how deep it lies. Without a label it is a value of any kind that its name hides. */
typedef struct {
    Py_ssize_t at, nodes;
    PyObject *label;
    int depth;
} Spot;

#define MOST_SPOTS 64
typedef struct {
    Py_ssize_t count;
    Spot spot[MOST_SPOTS];
} Spots;

/* A name that was met before, and what it is labelled; most dicts have the same. */
typedef struct {
    PyObject *name, *label;
    Py_hash_t hash;
} Met;

#define MOST_NAMES_MET 512 /* for good, a power of two */
Met *hot_names_met(PyObject *again);

/* A head has its lowest bit set, which no pointer has. */
#define HEAD_OF(count, is_dict) ((PyObject *)((uintptr_t)(count) << 2 | (is_dict) << 1 | 1))
#define IS_HEAD(word) ((uintptr_t)(word)&1)
#define IS_DICT(word) ((uintptr_t)(word) >> 1 & 1)
#define COUNT_OF(word) ((Py_ssize_t)((uintptr_t)(word) >> 2))

/* Where the value ends that begins at a place in a row. */
static inline Py_ssize_t
past_value(PyObject *const *words, Py_ssize_t at)
{
    for (Py_ssize_t left = 1; left > 0; left--) {
        PyObject *word = words[at++];
        if (IS_HEAD(word))
            left += COUNT_OF(word) << IS_DICT(word);
    }
    return at;
}

/* Whether a number is so small that nobody need look at how many bits it has. */
static inline int
is_short(PyObject *number)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyUnstable_Long_IsCompact((PyLongObject *)number);
#else
    return Py_ABS(Py_SIZE(number)) <= 1;
#endif
}

/* Whether a value is kept as it is, but for texts: a number of at most 64 bits, a truth value, None. */
static inline int
is_atom(PyObject *value, int widest)
{
    int over;
    if (value == Py_None || PyFloat_CheckExact(value) || PyBool_Check(value))
        return 1;
    if (!PyLong_CheckExact(value))
        return 0;
    if (is_short(value))
        return 1;
    long long number = PyLong_AsLongLongAndOverflow(value, &over);
    return !over && (widest || number != LLONG_MIN);
}

/* copied.c */
int hot_widen(Draft *draft);
void hot_shorten(Draft *draft, Py_ssize_t size);
int hot_put_all(Draft *draft, PyObject *value);
PyObject *hot_keep(Draft *draft);
PyObject *hot_names_of(Draft *draft, Py_ssize_t at);

/* known.c */
int hot_judge_row(PyObject *known, PyObject *const *words, Spots *spots);
int hot_is_sure(PyObject *leaf);

/* written.c */
PyObject *hot_write(PyObject *const *words);

/* All of these answer -1, without an exception where something is not for here. */

/* capture.c */
int hot_copy(PyObject *value, Py_ssize_t depth, Room *room);
PyObject *hot_cut_text(PyObject *text, Room *room);

/* containers.c */
int hot_copy_container(PyObject *value, Py_ssize_t depth, Room *room);
PyObject *hot_name_entry(PyObject *key, PyObject **names, Py_ssize_t head, Room *room);

/* models.c */
PyObject *hot_learned(PyTypeObject *kind);
int hot_copy_model(PyObject *value, Py_ssize_t depth, Room *room);

static inline void
begin_draft(Draft *draft)
{
    draft->words = draft->first;
    draft->size = 0;
    draft->room = Py_ARRAY_LENGTH(draft->first);
}

static inline void
end_draft(Draft *draft)
{
    hot_shorten(draft, 0);
    if (draft->words != draft->first)
        free(draft->words);
}

static inline int
put_word(Draft *draft, PyObject *word)
{
    if (draft->size == draft->room && hot_widen(draft) < 0)
        return -1;
    draft->words[draft->size++] = word;
    return 0;
}

/* Put a text or a number down; the reference is taken over. */
static inline int
put_new(Draft *draft, PyObject *value)
{
    if (value != NULL && put_word(draft, value) == 0)
        return 0;
    Py_XDECREF(value);
    return -1;
}

static inline int
put_one(Draft *draft, PyObject *value)
{
    return put_new(draft, Py_NewRef(value));
}

/* Begin a container, whose head is written when it is complete; answers where that stands, -1 with an exception. */
static inline Py_ssize_t
open_container(Draft *draft)
{
    return put_word(draft, HEAD_OF(0, 0)) < 0 ? -1 : draft->size - 1;
}

/* Copy one entry of a container. */
static inline int
copy_entry(PyObject *item, Py_ssize_t depth, Room *room)
{
    if (room->nodes <= 0)
        return put_one(room->draft, hot.left_out);
    if (PyUnicode_CheckExact(item) && PyUnicode_GET_LENGTH(item) <= room->left) {
        room->left -= PyUnicode_GET_LENGTH(item);
        room->nodes--;
        return put_one(room->draft, item);
    }
    if (is_atom(item, 1)) {
        room->nodes--;
        return put_one(room->draft, item);
    }
    return hot_copy(item, depth + 1, room);
}

#endif
