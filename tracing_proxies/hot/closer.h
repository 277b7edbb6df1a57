/* What the parts share that read finished spans closely. */
#ifndef TRACING_PROXIES_CLOSER
#define TRACING_PROXIES_CLOSER

#include "observation.h"

/* The texts that they compare and count under. */
#define METRICS(M)                                                                                                     \
    M(errors_total) M(outcomes_total) M(confidence) M(conflicts_total) M(messages_total) M(workflows_total)            \
    M(workflow_duration_seconds) M(agent_calls_total) M(agent_duration_seconds) M(tool_calls_total)                    \
    M(collaborations_total) M(collaboration_duration_seconds) M(coordinated_seconds_total) M(agent_busy_seconds_total)
#define WORDS(W)                                                                                                       \
    W(ok, "ok") W(error, "error") W(returned, "returned") W(raised, "raised") W(noted, "noted") W(true, "true")        \
    W(false, "false") W(agent, "agent") W(tool, "tool") W(detected, "detected") W(resolved, "resolved")                \
    W(sender, "sender") W(recipient, "recipient") W(stub, "stub") W(errors, "errors") W(nothing, "")                   \
    W(error_returned, "error.returned") W(error_type, "error.type") W(participants, "outcome.participants")            \
    W(detail, "sampling.detail")
#define AS_METRIC(name) PyObject *name;
#define AS_WORD(name, text) PyObject *name;
typedef struct {
    struct { METRICS(AS_METRIC) } of;
    struct { WORDS(AS_WORD) } word;
} Texts;

extern Texts hot_texts;
#define METRIC(name) hot_texts.of.name
#define WORD(name) hot_texts.word.name

/* One span that is read. Whoever has it read holds all of it but what it took. */
typedef struct {
    PyObject *look, *gathered, *target;
    PyObject **field;
    PyObject *outcome, *taken;
    double weight;
} Read;

/* gathering.c */
int hot_count_up(PyObject *gathering, PyObject *metric, PyObject *labels, double weight);
int hot_count_size(PyObject *gathering, PyObject *metric, PyObject *labels, PyObject *size, double weight);

/* closer.c */
PyObject *hot_source_of(Read *read);

/* below.c */
PyObject *hot_new_below(void);
int hot_end_agent(Read *read, PyObject *below);
int hot_end_tool(Read *read, PyObject *below);
int hot_end_collaboration(Read *read, PyObject *below);
int hot_hand_up(Read *read, PyObject *trace, PyObject *below);
int hot_end_below(Read *read, PyObject *below);

/* glance.c */
int hot_has_tops(PyObject *glance);
int hot_glance(PyObject *glance, PyObject *span, PyObject *target);

#endif
