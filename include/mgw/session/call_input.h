/* What the upstream of a call asks of a client of the stateless era, which can only be asked in the
 * answer: the call is suspended, its POST answered with input_required, and resumed by the client's
 * retry (basic patterns, "Multi Round-Trip Requests"). */
#pragma once

#include "mgw/session/call.h"

struct call_input;

/* Asks the client of this call for it under that id, at the end of the turn, together with what
 * else is asked meanwhile. NULL, or why this client cannot be asked. */
const char *call_input_ask(struct call *call, const char *id, const json_t *request);
/* Is there something that it has not answered? input may be NULL. */
bool call_input_is_pending(const struct call_input *input);
/* The upstream has withdrawn it. */
void call_input_forget(struct call *call, const char *id);
/* While it is suspended a call's answer is kept for the retry. input may be NULL. True: the answer
 * has been taken. */
bool call_input_keeps_answer(struct call_input *input, json_t *answer);
/* Ends the call if it is suspended: its upstream learns that nothing will come. NULL is fine. */
void call_input_give_up(struct call_input *input, const char *why);
/* The call is over. NULL is fine. */
void call_input_drop(struct call_input *input);
/* An upstream of the stateless era asks by itself: the state that it wants back is sealed too.
 * False: it is too long. */
bool call_input_seal_result(const struct call *call, json_t *result);

/* The suspended call that an opened requestState names, or NULL: there is none any more. */
struct call *call_input_find(struct session *session, const json_t *state);
/* It goes on with the POST of the client's retry, and with what the client has answered. */
void call_input_go_on(struct call *call, struct post_response *post, const struct rpc_msg *msg);
