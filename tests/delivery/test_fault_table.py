"""The table of faults, and the tests that meet each of them: a row without a test, or a test that is gone, is an error.

What a fault must lead to is said by the tests' names. Each test of delivery asserts the sum of the ledger at its end.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

Row = dict[str, tuple[str, ...]]
"""By the file, below ``tests``, the names of its tests without their ``test_``."""

NETWORK: dict[str, Row] = {
    "refused, no route, DNS failure or slow resolver": {
        "delivery/test_pipeline.py": (
            "a_server_that_goes_and_comes_back_gets_everything",
            "a_flush_ends_early_when_the_server_is_known_to_be_dead",
            "a_sink_that_is_down_does_not_hold_up_the_others",
        ),
        "delivery/test_spool_lane.py": ("an_outage_loses_nothing_and_memory_holds_nothing",),
        "delivery/test_transport.py": ("nobody_there_is_told_and_not_raised",),
        "delivery/test_backoff.py": (
            "a_fresh_outage_is_probed_every_two_to_three_seconds",
            "after_ten_minutes_the_pause_grows_to_a_minute_and_no_further",
        ),
        "delivery/test_network_unreachable.py": (
            "a_refused_connection_leaves_everything_on_disk_until_it_is_not",
            "a_network_without_a_route_is_the_same",
            "a_name_that_nobody_knows_is_the_same",
            "a_name_server_that_does_not_answer_is_given_up_within_the_deadline_and_asked_once",
            "a_dead_server_is_asked_with_one_small_request_at_a_time",
        ),
        "delivery/test_network_proxies.py": ("a_proxy_that_is_not_there_is_an_outage_like_any_other",),
        "delivery/test_breaker.py": (
            "an_outage_is_probed_every_two_to_three_seconds_for_ten_minutes_and_up_to_a_minute_apart_after_it",
        ),
    },
    "TLS expired or wrong host": {
        "delivery/test_transport.py": ("a_server_without_tls_behind_an_https_address_is_told",),
        "delivery/test_network_tls.py": (
            "a_bad_certificate_is_told_the_spans_stay_and_five_minutes_later_it_is_looked_at_again",
            "an_authority_that_nobody_has_named_is_not_trusted",
            "the_settings_that_are_made_verify_names_and_certificates",
        ),
        "delivery/test_network_proxies.py": ("a_certificate_is_verified_behind_a_proxy_as_well",),
    },
    "connect or read timeout, slow-loris, reset mid-body, reply lost after accept": {
        "delivery/test_transport.py": (
            "a_silent_server_is_left_at_the_deadline",
            "a_server_that_drips_its_reply_is_left_at_the_deadline",
            "an_endless_reply_is_read_to_its_limit_only",
        ),
        "delivery/test_langfuse_sink.py": (
            "a_reply_that_was_lost_after_the_spans_were_accepted_resends_identical_bytes",
        ),
        "delivery/test_pipeline.py": ("an_outage_of_any_kind_loses_nothing",),
        "delivery/test_spool_lane.py": ("a_server_that_hangs_does_not_keep_new_spans_from_the_disk",),
        "delivery/test_network_unreachable.py": ("a_connection_that_never_comes_about_is_given_up_at_the_deadline",),
        "delivery/test_network_broken.py": (
            "a_reply_that_does_not_come_leaves_the_spans_on_disk_and_sends_the_same_bytes_again",
            "spans_whose_acceptance_was_never_heard_of_are_sent_again_with_identical_bytes",
            "an_acceptance_without_an_end_is_read_no_further_than_its_limit",
        ),
        "delivery/test_network_tls.py": ("a_handshake_that_never_ends_is_given_up_at_the_deadline",),
    },
    "400": {
        "delivery/test_langfuse_sink.py": (
            "a_poisoned_span_is_isolated_and_the_rest_is_delivered",
            "a_server_that_rejects_every_span_is_not_asked_a_thousand_times",
        ),
        "delivery/test_spool_lane.py": ("the_span_that_the_server_refuses_is_found_among_many_requests",),
        "delivery/test_spool_room.py": ("what_had_arrived_of_a_request_is_not_dropped_with_its_rest",),
        "delivery/test_network_refusals.py": (
            "the_span_that_spoils_a_batch_is_found_and_kept_apart_and_the_rest_arrives",
            "a_server_that_takes_nothing_of_ours_is_left_alone_before_all_is_given_up",
        ),
        "delivery/spool/test_dead.py": ("the_oldest_go_where_there_are_too_many",),
        "cli/test_push.py": ("what_the_server_has_refused_can_be_looked_at_and_sent_again_once_the_server_takes_it",),
    },
    "401, 403, 404": {
        "delivery/test_langfuse_sink.py": (
            "wrong_keys_keep_the_spans_and_turn_health_red",
            "really_wrong_keys_are_refused_by_the_server",
        ),
        "delivery/test_pipeline.py": ("wrong_keys_keep_the_spans_in_memory",),
        "delivery/test_network_refusals.py": (
            "a_closed_door_is_told_with_its_path_and_tried_again_after_five_minutes",
            "a_configuration_with_the_right_keys_sends_what_the_wrong_ones_could_not",
        ),
        "control/test_breaker.py": (
            "a_closed_door_is_shown_with_its_address_since_when_and_until_when_and_without_a_key",
        ),
    },
    "413": {
        "delivery/test_langfuse_sink.py": (
            "a_batch_that_is_too_large_is_halved",
            "a_single_span_that_is_too_large_loses_the_ends_of_its_texts",
            "a_span_that_is_too_large_even_so_is_dropped_and_counted",
        ),
        "delivery/test_spool_lane.py": (
            "requests_that_are_too_large_are_halved",
            "trouble_half_way_through_a_halving_loses_and_repeats_nothing",
        ),
        "delivery/test_network_refusals.py": (
            "too_large_a_request_is_halved",
            "too_large_a_span_loses_the_ends_of_its_texts_and_then_is_kept_apart",
        ),
    },
    "429 with Retry-After as seconds, date, garbage, negative, huge, `nan`": {
        "delivery/test_reply.py": ("retry_after_is_understood_and_clamped",),
        "delivery/test_langfuse_sink.py": ("a_server_that_asks_for_patience_gets_it",),
        "delivery/test_pipeline.py": ("a_flush_ends_early_when_the_server_asks_for_more_patience_than_there_is",),
        "delivery/test_network_refusals.py": ("a_server_that_asks_for_a_pause_gets_it_within_reason",),
    },
    "408, 500, 502, 503, 504": {
        "delivery/test_reply.py": ("a_status_means_what_the_contract_says",),
        "delivery/test_langfuse_sink.py": ("passing_trouble_leaves_everything_remaining",),
        "delivery/test_pipeline.py": ("an_outage_of_any_kind_loses_nothing", "a_flush_waits_out_passing_trouble"),
        "delivery/test_spool_lane.py": ("any_mix_of_faults_ends_with_each_span_delivered_once",),
        "delivery/test_network_broken.py": ("passing_trouble_opens_the_breaker_at_the_fifth_reply",),
    },
    "200 with HTML (captive portal), redirects": {
        "delivery/test_reply.py": ("a_web_page_is_no_success",),
        "delivery/test_transport.py": (
            "a_broken_or_foreign_reply_is_no_success",
            "credentials_do_not_follow_a_redirect",
        ),
        "delivery/test_network_broken.py": (
            "a_page_or_a_redirect_is_no_success",
            "credentials_never_follow_a_redirect_to_another_host",
        ),
    },
    "200 with partialSuccess": {
        "delivery/test_reply.py": ("a_partial_success_tells_how_many_were_rejected",),
        "delivery/test_langfuse_sink.py": ("a_partial_success_counts_the_rejected_and_resends_nothing",),
        "delivery/test_network_broken.py": (
            "of_a_partial_success_the_rejected_are_counted_and_the_accepted_not_sent_again",
        ),
    },
}

PROCESS: dict[str, Row] = {
    "wall clock jumps by an hour": {
        "delivery/test_clocks.py": (
            "spans_around_a_jump_arrive_once_and_none_ends_before_it_began",
            "an_outage_in_which_the_clock_jumps_ends_with_all_delivered",
        ),
    },
    "fork with preload; fork while another thread holds a lock": {
        "delivery/test_process_life.py": (
            "children_of_a_process_that_has_loaded_all_deliver_their_own_and_the_parents_goes_once",
            "a_child_that_is_forked_while_another_thread_holds_a_lock_has_its_own",
        ),
        "delivery/test_spool_lane.py": ("a_forked_child_delivers_its_own_and_the_parent_its_own",),
        "delivery/test_processes.py": (
            "a_forked_child_delivers_its_own_spans_and_the_parent_its_own",
            "forking_while_other_threads_are_at_it_does_not_deadlock",
        ),
        "delivery/spool/test_spool_posix.py": (
            "a_forked_child_writes_to_a_file_of_its_own_and_leaves_the_parents_alone",
        ),
        "process/test_servers.py": ("workers_that_gunicorn_forks_from_a_loaded_application_are_traced",),
    },
    "spawn, forkserver, `os._exit`, uwsgi without threads": {
        "delivery/test_process_life.py": (
            "children_of_multiprocessing_leave_to_the_next_process_what_nobody_took",
            "what_a_process_had_kept_is_taken_over_and_delivered_within_seconds_of_the_next_ones_start",
            "workers_that_uwsgi_forks_without_threads_deliver_what_they_serve",
            "where_no_thread_can_be_started_all_is_delivered_or_kept_at_the_exit",
        ),
        "process/test_multiprocessing.py": ("children_and_pools_are_traced_below_the_span_that_made_them_work",),
        "delivery/test_pipeline.py": ("no_thread_is_started_before_the_first_span",),
    },
    "kill -9, OOM kill": {
        "delivery/test_kills.py": (
            "what_a_killed_process_has_lost_is_what_its_last_moment_made",
            "a_killed_process_that_writes_ahead_has_lost_nothing_that_it_was_told_is_safe",
        ),
        "delivery/test_spool_lane.py": (
            "a_killed_process_has_lost_nothing_that_it_was_told_is_safe",
            "a_killed_process_that_only_spills_has_lost_what_its_last_moment_made",
        ),
        "delivery/test_process_life.py": (
            "what_a_process_had_kept_is_taken_over_and_delivered_within_seconds_of_the_next_ones_start",
        ),
        "delivery/spool/test_spool_model.py": (
            "a_killed_process_loses_nothing_that_it_has_written",
            "a_power_cut_loses_nothing_that_was_synced",
        ),
    },
    "SIGTERM": {
        "delivery/test_process_life.py": (
            "a_handler_of_sigterm_stays_the_applications_and_its_exit_keeps_what_is_queued",
            "no_signal_has_another_handler_than_untraced_but_the_one_that_reloads",
        ),
        "process/test_servers.py": ("one_process_of_uvicorn_delivers_before_it_dies_of_its_signal",),
    },
    'interpreter shutdown, "can\'t start new thread"': {
        "delivery/test_process_life.py": (
            "where_no_thread_can_be_started_all_is_delivered_or_kept_at_the_exit",
            "calls_during_the_shutdown_are_delivered_and_those_after_it_make_no_noise",
        ),
        "delivery/test_processes.py": (
            "at_exit_what_is_queued_is_delivered",
            "spans_of_threads_that_outlive_the_main_thread_are_delivered",
            "a_dead_server_does_not_hold_up_the_exit",
        ),
        "delivery/test_pipeline.py": ("where_no_thread_can_be_started_the_flush_does_the_work",),
    },
    "the worker thread dies": {
        "delivery/test_worker_death.py": (
            "a_thread_that_keeps_dying_is_replaced_five_times_and_then_a_flush_does_its_work",
            "what_was_on_its_way_when_its_thread_died_is_sent_again",
            "a_sink_whose_thread_dies_holds_up_no_other",
        ),
        "delivery/test_pipeline.py": ("a_worker_that_keeps_dying_is_not_restarted_for_ever",),
    },
    "serverless freeze": {
        "delivery/test_process_life.py": (
            "a_process_that_is_frozen_after_each_flush_loses_and_repeats_nothing",
            "a_process_that_is_frozen_at_any_moment_repeats_at_most_what_was_on_its_way",
            "a_flush_has_a_hard_limit_also_where_the_server_is_silent",
        ),
    },
    "event loop closed, another loop, cancelled task": {
        "delivery/test_process_life.py": (
            "loops_that_come_and_go_and_tasks_that_are_cancelled_leave_all_of_their_spans",
        ),
        "context/test_tasks.py": (
            "cancellation_passes_through_every_span_on_its_way",
            "an_event_loop_in_a_thread_of_a_traced_call_is_below_it",
        ),
    },
    "gevent or eventlet patched before or after": {
        "delivery/test_greenlets.py": (
            "the_hub_goes_on_while_the_server_is_silent",
            "a_thread_of_gevents_pool_may_be_the_first_to_be_traced",
            "a_child_that_gevent_forks_delivers_its_own",
        ),
    },
    "re-entrancy: masking, logging or the HTTP client traced inside tracing; signal or GC handler under a lock": {
        "delivery/test_reentrancy.py": (
            "the_http_client_the_logging_and_the_masking_leave_no_span_of_our_own_use_of_them",
            "a_failure_of_ours_that_is_logged_by_a_traced_handler_makes_no_span",
            "handlers_of_signals_and_finalisers_may_call_what_is_traced_at_any_moment",
        ),
        "delivery/test_processes.py": ("a_signal_handler_may_put_a_span_at_any_moment",),
    },
}

DISK: dict[str, Row] = {
    "disk full at create, append, rename, fsync; read-only; deleted spool; symlink or foreign owner in its place": {
        "delivery/test_disk_faults.py": (
            "a_disk_that_fails_at_one_step_loses_nothing_in_an_outage_and_after_it",
            "a_folder_that_vanishes_under_way_is_made_anew_and_what_was_in_it_is_still_delivered",
            "a_file_system_that_is_really_full_is_kept_from_filling_up_and_all_is_counted",
        ),
        "delivery/test_spool_lane.py": (
            "where_the_disk_takes_nothing_spans_wait_in_memory",
            "memory_is_given_back_when_the_disk_takes_what_had_to_wait",
            "a_spool_without_room_drops_the_oldest_and_says_so",
        ),
        "delivery/spool/test_spool_posix.py": (
            "a_file_system_that_is_full_half_way_through_a_write_keeps_nothing_of_it",
            "a_symbolic_link_in_its_place_is_refused",
            "a_folder_of_somebody_else_is_refused",
            "links_and_devices_in_it_are_left_alone",
        ),
        "delivery/spool/test_spool_model.py": ("a_disk_that_fails_at_any_step_loses_nothing_that_was_acknowledged",),
    },
    "corrupt, torn, foreign or newer-version segments; 10^5 files or 10 GB at start": {
        "delivery/test_adoption.py": (
            "what_cannot_be_read_is_set_apart_and_the_rest_is_delivered",
            "a_look_at_a_full_folder_is_bounded_in_files_and_reads_nothing",
            "a_process_that_starts_beside_ten_gigabytes_writes_its_own_first",
            "whether_anything_is_left_behind_is_known_after_the_first_file",
        ),
        "delivery/spool/test_spool_posix.py": (
            "damaged_files_are_delivered_as_far_as_they_are_whole_and_then_kept_apart",
            "files_kept_apart_are_few",
            "a_hundred_thousand_files_are_looked_at_a_few_at_a_time",
            "a_file_of_another_version_or_size_is_left_alone",
        ),
        "delivery/spool/test_spool_model.py": ("what_has_rotted_is_never_accepted",),
        "delivery/spool/test_record.py": ("a_flipped_bit_costs_one_record_and_never_changes_one",),
    },
    "two processes on one spool, stale lock, pid reuse": {
        "delivery/test_adoption.py": (
            "a_file_that_nobody_has_locked_is_taken_over_whatever_process_its_name_tells",
            "a_file_that_is_locked_is_left_alone_though_no_process_of_its_number_lives",
            "two_heirs_deliver_each_file_once",
        ),
        "delivery/spool/test_spool_posix.py": ("two_processes_take_each_request_once",),
    },
}

VALUES: dict[str, Row] = {
    "`__repr__ __str__ __eq__ __len__ __hash__ __bool__ __iter__ __getattr__ __class__` raising": {
        "recording/test_hostile_values.py": ("what_raises_when_it_is_asked_anything_is_not_asked",),
        "recording/test_capture.py": ("an_unknown_object_is_its_type_name_and_none_of_its_code_runs",),
        "weaving/test_hostile.py": ("no_code_of_a_value_runs_when_it_passes_through",),
    },
    "recursive, 5,000 deep, 10^6 wide, shared subtrees": {
        "recording/test_hostile_values.py": ("depth_width_and_shared_parts_are_cut_off_by_work_done",),
        "recording/test_capture.py": ("a_cycle_is_marked", "width_depth_and_text_are_bounded"),
        "delivery/test_encoder.py": ("deep_recursive_and_unknown_values_are_replaced",),
    },
    "100 MB str or bytes, 4M-element array, GPU tensor": {
        "recording/test_hostile_values.py": (
            "of_what_is_huge_nothing_is_copied_but_its_head",
            "of_an_array_its_shape_and_kind_are_kept_and_nothing_is_read",
        ),
    },
    "NaN, inf, huge ints, Decimal, lone surrogates, NUL, bytes; non-str and colliding keys": {
        "recording/test_hostile_values.py": ("numbers_texts_and_keys_of_any_kind_survive",),
        "delivery/test_encoder.py": ("any_value_becomes_json_text_that_utf8_can_carry",),
        "delivery/test_langfuse_sink.py": ("hostile_text_spoils_nothing",),
        "delivery/test_local_sink.py": ("hostile_text_is_repaired_and_a_hopeless_row_dropped_alone",),
    },
    "infinite or async generators, streams, files": {
        "recording/test_hostile_values.py": ("what_can_be_read_only_once_is_not_read",),
        "recording/test_capture.py": ("an_iterator_is_not_consumed",),
    },
    "lazy ORM objects, mocks, `__getattr__` factories": {
        "recording/test_hostile_values.py": ("a_mock_and_a_lazy_object_are_asked_for_no_attribute",),
        "weaving/test_hostile.py": ("a_lazy_object_in_a_module_or_class_is_not_evaluated_by_weaving",),
    },
    "object mutated after the call, dict changed during iteration": {
        "recording/test_hostile_values.py": (
            "what_changes_while_it_is_copied_is_copied_or_said_to_have_changed",
            "what_is_changed_after_the_call_was_recorded_as_it_was",
        ),
        "recording/test_capture.py": ("later_changes_of_the_value_do_not_reach_the_snapshot",),
    },
    "sockets, locks, threads, frames": {
        "recording/test_hostile_values.py": ("of_what_belongs_to_the_system_the_type_is_kept_and_no_reference",),
        "recording/test_capture.py": ("a_snapshot_keeps_no_reference_to_the_object",),
    },
    "`SecretStr`, exceptions with sensitive text, exception groups, `__cause__` chains": {
        "recording/test_hostile_values.py": ("secrets_stay_secret_in_values_messages_causes_and_groups",),
        "recording/test_capture.py": ("known_kinds_are_read_by_their_fields",),
    },
    "CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit, StopIteration from the target": {
        "recording/test_hostile_values.py": ("what_ends_a_program_or_a_loop_passes_as_the_very_same",),
        "weaving/test_lifetimes.py": (
            "a_stop_iteration_of_a_plain_function_passes_and_is_no_error",
            "an_exceptions_argument_and_identity_pass_unchanged",
        ),
    },
}

REGISTRY: dict[str, Row] = {
    "registry: bad YAML, alias bomb, unknown or duplicate keys, missing file, half-written while reloading": {
        "registry/test_registry_loader.py": (
            "a_registry_with_five_different_mistakes_reports_all_five_in_one_run_with_line_and_column",
            "aliases_expand_to_a_bounded_number_of_nodes",
            "any_bytes_are_read_or_refused",
        ),
        "registry/test_registry_hostile.py": ("aliases_of_aliases_are_counted_before_they_unfold",),
        "reload/test_watching.py": (
            "a_half_written_file_is_taken_when_it_is_whole",
            "a_bad_file_keeps_the_last_good_one_says_so_once_and_is_forgiven",
            "a_file_that_is_gone_keeps_the_last_good_registry_until_it_is_back",
        ),
    },
}

TABLE = {**NETWORK, **PROCESS, **DISK, **VALUES, **REGISTRY}


@cache
def names_in(file: str) -> frozenset[str]:
    path = ROOT / "tests" / file
    if not path.is_file():
        return frozenset()
    found = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    return frozenset(node.name.removeprefix("test_") for node in found if node.name.startswith("test_"))


@pytest.mark.parametrize("row", list(TABLE))
def test_every_row_is_met_by_tests_that_exist(row: str) -> None:
    named = [(file, name) for file, names in TABLE[row].items() for name in names]
    assert named, "a row without a test"
    assert [(file, name) for file, name in named if name not in names_in(file)] == []
    assert len(named) == len(set(named))
