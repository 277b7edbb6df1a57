/* Judges a recorded trace that has ended and has nothing about it that is out of the ordinary: no error, not slow, not rare,
   asked for by nobody. As `judge` of recording/judging.py does, with what it asks of sampling/controller.py,
   sampling/keys.py, sampling/commitment.py and sampling/verdict.py, which have the rest and say why. */
#include "parts.h"
#include <math.h>

#define SPACE 72057594037927936.0 /* 2**56, as sampling/rule.py */
#define MOST_SLOW (1LL << 62)     /* as recording/judging.py */
#define NEVER_BELOW 1e-7          /* as sampling/controller.py */
#define USUALLY 0.05              /* as sampling/commitment.py */
#define RARE_AFTER 30.0           /* this and the next as sampling/keys.py */
#define ENOUGH_CALLS 30
#define DEVIATIONS 3.0
#define LEARN 0.02
#define MOST_MEASURED 20

/* What is asked of the sampler for one verdict, all borrowed but the first five. */
typedef struct {
    PyObject *keys, *commitment, *costs, *let_in, *press_from;
    PyObject *controller, *key, *tally;
    double now, taken; /* seconds, nanoseconds */
    Py_ssize_t spans;
} Case;

static void
forget(Case *asked)
{
    Py_CLEAR(asked->keys);
    Py_CLEAR(asked->commitment);
    Py_CLEAR(asked->costs);
    Py_CLEAR(asked->let_in);
    Py_CLEAR(asked->press_from);
}

static inline int
add(PyObject **field, double more)
{
    return hot_put(field, PyFloat_FromDouble(hot_number(*field) + more));
}

static inline int
count_one(PyObject **field)
{
    return hot_put(field, PyLong_FromLongLong(PyLong_AsLongLong(*field) + 1));
}

static int
is_plain(PyObject *tail, PyObject *held)
{
    return Py_TYPE(tail) == hot.type.Tail && Py_TYPE(held) == hot.type.Held && SLOT(held, Held, error) == Py_None &&
        SLOT(held, Held, critical) == Py_False && SLOT(held, Held, partial) == Py_False &&
        SLOT(held, Held, fixed) == Py_False && SLOT(held, Held, rare) == Py_False && SLOT(held, Held, least) == hot.zero &&
        Py_TYPE(SLOT(held, Held, trace)) == hot.type.Trace && SLOT(held, Held, spans) != Py_None &&
        PyTuple_CheckExact(SLOT(tail, Tail, conditions)) && !PyTuple_GET_SIZE(SLOT(tail, Tail, conditions));
}

/* Ask the sampler for what the verdict depends on: 0, or -1 with an exception. */
static int
ask(Case *asked, PyObject *tail, PyObject *held)
{
    PyObject *controller = asked->controller = SLOT(tail, Tail, controller), *clock, *now = NULL;
    asked->keys = PyObject_GetAttr(controller, hot.keys);
    asked->commitment = PyObject_GetAttr(controller, hot.commitment);
    asked->costs = PyObject_GetAttr(controller, hot.costs);
    asked->let_in = PyObject_GetAttr(controller, hot.let_in);
    asked->press_from = PyObject_GetAttr(controller, hot.press_from);
    if ((clock = PyObject_GetAttr(controller, hot.clock_name)) != NULL)
        now = PyObject_CallNoArgs(clock);
    Py_XDECREF(clock);
    asked->now = now == NULL ? -1.0 : PyFloat_AsDouble(now);
    Py_XDECREF(now);
    asked->spans = PyObject_Size(SLOT(held, Held, spans));
    return PyErr_Occurred() ? -1 : 0;
}

/* Whether the trace is one of many of its name that took about as long: only then it is for here. */
static int
is_usual(Case *asked, PyObject *tail, PyObject *held)
{
    if (Py_TYPE(asked->keys) != hot.type.Keys || Py_TYPE(asked->commitment) != hot.type.Commitment ||
        Py_TYPE(asked->costs) != hot.type.Costs)
        return 0;
    PyObject *key = PyDict_GetItemWithError(SLOT(asked->keys, Keys, _keys), ((Trace *)SLOT(held, Held, trace))->name);
    if (key == NULL || Py_TYPE(key) != hot.type.Key || PyLong_AsLongLong(SLOT(key, Key, seen_calls)) <= 0 ||
        asked->now - hot_number(SLOT(key, Key, seen)) > RARE_AFTER)
        return 0;
    asked->key = key;
    return !IS_SET(tail, Tail, keeps_slow) || (asked->taken <= hot_number(SLOT(asked->tally, Tally, slow)) &&
                                               asked->taken <= hot_number(SLOT(key, Key, slow)) * 1e9);
}

/* As `Commitment.ended`. */
static int
learn_commitment(PyObject *commitment, double duration, double spans)
{
    if (count_one(&SLOT(commitment, Commitment, _ended)) < 0)
        return -1;
    double part = fmax(USUALLY, 1.0 / hot_number(SLOT(commitment, Commitment, _ended)));
    if (add(&SLOT(commitment, Commitment, spans), part * (spans - hot_number(SLOT(commitment, Commitment, spans)))) < 0)
        return -1;
    return add(&SLOT(commitment, Commitment, _lasting),
               part * (duration - hot_number(SLOT(commitment, Commitment, _lasting))));
}

/* As `Key.note`, of a key that is known. */
static int
learn_key(PyObject *key, double now, double duration, double spans)
{
    long long calls = PyLong_AsLongLong(SLOT(key, Key, seen_calls)) + 1;
    long long measured = PyLong_AsLongLong(SLOT(key, Key, _measured)) + 1;
    if (measured > MOST_MEASURED)
        measured = MOST_MEASURED;
    if (hot_put(&SLOT(key, Key, seen), PyFloat_FromDouble(now)) < 0 ||
        hot_put(&SLOT(key, Key, seen_calls), PyLong_FromLongLong(calls)) < 0 ||
        hot_put(&SLOT(key, Key, _measured), PyLong_FromLongLong(measured)) < 0 ||
        add(&SLOT(key, Key, spans), (spans - hot_number(SLOT(key, Key, spans))) / (double)measured) < 0)
        return -1;
    double logged = log(fmax(duration, 1e-9)), step = fmax(1.0 / (double)calls, LEARN);
    double apart = logged - hot_number(SLOT(key, Key, _mean)), mean = hot_number(SLOT(key, Key, _mean)) + step * apart;
    double deviation = hot_number(SLOT(key, Key, _deviation));
    deviation += step * (fabs(apart) * fabs(logged - mean) - deviation);
    if (hot_put(&SLOT(key, Key, _mean), PyFloat_FromDouble(mean)) < 0 ||
        hot_put(&SLOT(key, Key, _deviation), PyFloat_FromDouble(deviation)) < 0)
        return -1;
    return calls < ENOUGH_CALLS
        ? 0
        : hot_put(&SLOT(key, Key, slow), PyFloat_FromDouble(exp(mean + DEVIATIONS * sqrt(deviation))));
}

/* As `Controller.ended`, and what the tally is told of it. */
static int
learn(Case *asked, double recorded)
{
    PyObject *key = asked->key;
    double duration = asked->taken / 1e9, slow;
    if (learn_commitment(asked->commitment, duration, (double)asked->spans) < 0 ||
        add(&SLOT(key, Key, arrived), 1.0 / fmax(recorded, NEVER_BELOW)) < 0 ||
        count_one(&SLOT(key, Key, looked)) < 0 || count_one(&SLOT(asked->keys, Keys, looked)) < 0 ||
        learn_key(key, asked->now, duration, (double)asked->spans) < 0)
        return -1;
    slow = hot_number(SLOT(key, Key, slow)) * 1e9;
    return hot_put(&SLOT(asked->tally, Tally, slow),
                   PyLong_FromLongLong(slow < (double)MOST_SLOW ? (long long)slow : MOST_SLOW));
}

/* As `decide`, and `Controller.let_in`. */
static PyObject *
decide(Case *asked, unsigned long long random, double recorded)
{
    double let_in = hot_number(asked->let_in), press_from = hot_number(asked->press_from), press, whole, weight;
    press = let_in <= press_from ? 1.0 : press_from / let_in;
    whole = fmin(fmin(recorded, 1.0), press * hot_number(SLOT(asked->key, Key, share)));
    weight = whole ? 1.0 / whole : 0.0;
    int is_kept = random >= (unsigned long long)(SPACE - rint(whole * SPACE));
    let_in += (weight ? 1.0 / weight : 0.0) / press * (double)asked->spans * hot_number(SLOT(asked->costs, Costs, export));
    PyObject *now_let_in = PyFloat_FromDouble(let_in);
    if (now_let_in == NULL || PyObject_SetAttr(asked->controller, hot.let_in, now_let_in) < 0) {
        Py_XDECREF(now_let_in);
        return NULL;
    }
    Py_DECREF(now_let_in);
    if (is_kept && weight == 1.0)
        return Py_NewRef(hot.KEPT);
    return PyObject_CallFunction(hot.Verdict, "OOddO", is_kept ? Py_True : Py_False, is_kept ? Py_True : Py_False, weight,
                                 weight, hot.share);
}

/* Decide on a trace whose first span has taken so many nanoseconds: the verdict, None where it is not for here. */
PyObject *
hot_judge_ended(PyObject *tail, PyObject *held, Span *root, double taken)
{
    PyObject *verdict = NULL, *recipe = root->recipe;
    Case asked = {.taken = taken};
    if (recipe == NULL || Py_TYPE(recipe) != hot.type.Recipe || Py_TYPE(SLOT(recipe, Recipe, tally)) != hot.type.Tally ||
        !is_plain(tail, held))
        Py_RETURN_NONE;
    asked.tally = SLOT(recipe, Recipe, tally);
    if (ask(&asked, tail, held) == 0) {
        double recorded = hot_number(SLOT(held, Held, recorded));
        if (!is_usual(&asked, tail, held))
            verdict = PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
        else if (learn(&asked, recorded) == 0)
            verdict = decide(&asked, hot_low_bits(SLOT(held, Held, random)), recorded);
    }
    forget(&asked);
    return verdict;
}

/* judge_plainly(tail, held, root, taken): the same, for the Python side. */
PyObject *
hot_judge_plainly(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 4 || Py_TYPE(args[2]) != hot.type.Span || hot.type.Key == NULL) {
        PyErr_SetString(PyExc_TypeError, "a tail, what it holds, its first span and nanoseconds are needed");
        return NULL;
    }
    double taken = PyFloat_AsDouble(args[3]);
    return PyErr_Occurred() ? NULL : hot_judge_ended(args[0], args[1], (Span *)args[2], taken);
}
