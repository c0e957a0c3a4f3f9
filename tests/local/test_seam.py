"""The names that we stand in for must be where kfp looks them up."""

import inspect

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
