"""The command line as Spark's application: what `spark-submit` is given runs it in a driver that is there already."""

from batch.spark.submission import caller_stdout
from polyglot.cli import main

if __name__ == "__main__":
    caller_stdout()
    main()
