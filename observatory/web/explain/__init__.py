"""Every number opens: to the counts behind it, their coverage, the arithmetic, and the query that anybody can run.

The contract, for panels. Where a panel shows a number it writes one call:

    number("99.95 %", Reference("objective", one.objective.id, "ratio"), value=one.counts.ratio)

That is a button whose press, or Enter, opens the drawer; the address bar holds the reference, so a copied link opens it
too. Nothing else travels with the page: the explanation is asked for when it is opened.

A reference is a word, a key and an aspect (`Reference`), written `objective.burn-1h:billing/on orders/availability`:

| word        | key                                 | aspects                                                     |
|-------------|-------------------------------------|-------------------------------------------------------------|
| `objective` | objective id, or a journey's id     | `ratio`, `budget`, `burn-<window>`, `runs-out`, `level`,    |
|             |                                     | `state`, `range` (the view's), `cells-<count>x<seconds>`    |
| `channel`   | channel id: its worst objective     | the same, `all-incidents`, `p99`                            |
| `estate`    | none                                | `ratio`, `budget`, `states`, `incidents`                    |
| `domain`    | domain name                         | the same, `all-incidents`, `burn-1d`, `cells-…`             |
| `hop`       | place from 1, a blank, journey id   | as of an objective, `total`, `failed`, `missing`, `share`   |
| `participant` | `send` or `receive`, service, group, channel, `|` between them | `messages`                    |
| `rate`      | channel id                          | none                                                        |
| `lag`       | operation key                       | `messages`, `behind`, `state`                               |
| `cause`     | failure mode, a blank, channel id   | `score`                                                     |
| `panel`     | page/panel, or page/panel/argument  | none                                                        |

`before-` in front of `ratio`, `budget`, `state` or `missed` of an objective, a domain or the estate means the window
before, `change-` in front of `ratio` or `budget` what differs from it. A press on a cell of a heat strip inside such a
button adds `-<index>` to the aspect.

What is explained comes from the status of the snapshot (`observatory.status/1`) and from nowhere else, so that it
cannot differ from `status --json`.

A further word is a function from a board and a reference to an `Explanation`, entered in `explainers.EXPLAINERS`.
"""
