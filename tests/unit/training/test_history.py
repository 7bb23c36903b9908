import dataclasses

from lithoscope.training.history import EpochFigures, best_of, history_table, mean_history


def epoch(number: int, val_loss: float | None, train_loss: float = 0.5) -> EpochFigures:
    return EpochFigures(number, 0.001, train_loss, 0.75, val_loss, None if val_loss is None else 1.0)


def test_the_history_is_a_table_a_person_can_read() -> None:
    text = history_table([epoch(1, 0.25)])
    assert text == "epoch,lr,train_loss,train_accuracy,val_loss,val_accuracy,phase\n1,0.001,0.5,0.75,0.25,1,all\n"


def test_without_validation_its_columns_are_empty() -> None:
    assert history_table([epoch(1, None)]).endswith("\n1,0.001,0.5,0.75,,,all\n")
    assert "validation" not in epoch(1, None).line(3)


def test_the_best_epoch_has_the_lowest_validation_loss_and_is_the_first_of_equals() -> None:
    assert best_of([epoch(1, 0.5), epoch(2, 0.2), epoch(3, 0.2)], "loss").epoch == 2
    assert best_of([epoch(1, None), epoch(2, None)], "loss").epoch == 2


def test_the_best_epoch_may_be_that_of_the_highest_validation_accuracy() -> None:
    history = [
        dataclasses.replace(epoch(n, loss), val_accuracy=share)
        for n, loss, share in [(1, 0.1, 0.5), (2, 0.3, 0.9), (3, 0.2, 0.9)]
    ]
    assert (best_of(history, "loss").epoch, best_of(history, "accuracy").epoch) == (1, 2)


def test_the_mean_over_networks_counts_those_that_ran_an_epoch() -> None:
    first, second = [epoch(1, 0.2), epoch(2, 0.4)], [epoch(1, 0.6)]
    merged = mean_history([first, second, []])
    assert [figures.epoch for figures in merged] == [1, 2]
    assert [figures.val_loss for figures in merged] == [0.4, 0.4]
    assert mean_history([first]) == first
