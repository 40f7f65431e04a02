#!/usr/bin/env bash
# MovieLens ratings as a table for `job.data.kind: table`: movielens.sh DIR writes DIR/train.csv and DIR/test.csv.
#
# 100,004 ratings of 9,066 movies by 671 users (MovieLens latest-small of 2016; Harper and Konstan, "The MovieLens Datasets", 2015),
# as Debian's r-cran-dslabs has them. A row is user, movie, genres, year, label; the label is 1 where the rating is 4 or more.
# 10,000 rows, drawn by R's generator from seed 1, are the test set; all others are for training, both in the order of the source.
# They lie in a data base of R's, and R comes with the package: so R reads them.
set -euo pipefail

dir=${1:?movielens.sh DIR: write the directory for the files}
here=$(dirname "$(readlink -f "$0")")
"$here/../packages.sh" movielens
mkdir -p "$dir"
DIR=$dir Rscript --vanilla - <<'END'
RNGkind("Mersenne-Twister", "Inversion", "Rejection")
set.seed(1)
data(movielens, package = "dslabs")
rows <- with(movielens, data.frame(user = userId, movie = movieId, genres = genres, year = year, label = as.integer(rating >= 4)))
tests <- sort(sample(nrow(rows), 10000))
save <- function(name, rows) {
    path <- file.path(Sys.getenv("DIR"), name)
    write.csv(rows, paste0(path, ".part"), quote = which(names(rows) == "genres"), row.names = FALSE, na = "")
    stopifnot(file.rename(paste0(path, ".part"), path))
    cat(sprintf("%s: %d rows\n", path, nrow(rows)))
}
save("train.csv", rows[-tests, ])
save("test.csv", rows[tests, ])
END
