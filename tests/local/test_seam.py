"""The names that we stand in for must be where kfp looks them up."""

import builtins
import inspect
import logging

from kfp.local import (
    executor_input_utils,
    pipeline_orchestrator,
    subprocess_task_handler,
    task_dispatcher,
)


def test_kfp_looks_the_handler_up_in_its_module_at_call_time():
    dispatch = inspect.getsource(task_dispatcher.run_single_task_implementation)

    assert "subprocess_task_handler.SubprocessTaskHandler" in dispatch
    assert task_dispatcher.subprocess_task_handler is subprocess_task_handler
    signature = inspect.signature(subprocess_task_handler.SubprocessTaskHandler)
    assert list(signature.parameters)[:4] == ["image", "full_command", "pipeline_root", "runner"]
    assert "env_vars" in signature.parameters


def test_kfp_names_a_runs_folder_through_a_name_in_a_module():
    source = inspect.getsource(pipeline_orchestrator)

    assert "executor_input_utils.get_local_pipeline_resource_name(" in source
    assert callable(executor_input_utils.get_local_pipeline_resource_name)


def test_a_loops_threads_leave_logging_and_print_as_they_were(tmp_path):
    from local import pipelines
    from plimsoll.local import run

    root, printing = logging.getLogger(), builtins.print
    handlers, level = root.handlers[:], root.level
    for _ in range(3):
        run(pipelines.loops, out=tmp_path, cache=False)

    assert builtins.print is printing
    assert (root.handlers, root.level) == (handlers, level)


def test_kfp_is_left_as_it_was(tmp_path):
    from local import pipelines
    from plimsoll.local import run

    before = (
        subprocess_task_handler.SubprocessTaskHandler,
        executor_input_utils.get_local_pipeline_resource_name,
    )
    run(pipelines.boom, {"text": "x"}, out=tmp_path)

    assert before == (
        subprocess_task_handler.SubprocessTaskHandler,
        executor_input_utils.get_local_pipeline_resource_name,
    )
