// plane.cpp: Spectra and Eigen behind the function of plane.h. No exception leaves this file.
#include "search/plane.h"

#include <algorithm>
#include <exception>
#include <new>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <Spectra/SymEigsSolver.h>

extern "C" {
#include "core/fail.h"
}

namespace
{

// Directions kept between two restarts of the Lanczos process, and restarts at most.
enum { BREADTH = 24, RESTARTS = 20, BLOCK = 1024 };

typedef Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> Rows;
typedef Eigen::Matrix<double, Eigen::Dynamic, 2> Axes;

struct Stopped {
};

void ask(int (*stop)(void *), void *cookie)
{
    if (stop != nullptr && stop(cookie) != 0)
        throw Stopped();
}

// The covariance of the rows, never written out: applied to a direction.
class Covariance
{
  public:
    using Scalar = double;

    Covariance(const Eigen::Map<Rows> &centred, int (*asked)(void *), void *with)
        : data(centred), stop(asked), cookie(with)
    {
    }
    Eigen::Index rows() const
    {
        return data.cols();
    }
    Eigen::Index cols() const
    {
        return data.cols();
    }
    void perform_op(const double *in, double *out) const
    {
        ask(stop, cookie);
        const Eigen::VectorXf direction =
            Eigen::Map<const Eigen::VectorXd>(in, data.cols()).cast<float>();
        const Eigen::VectorXf along = data * direction;
        Eigen::Map<Eigen::VectorXd>(out, data.cols()) =
            (data.transpose() * along).cast<double>() / static_cast<double>(data.rows());
    }

  private:
    const Eigen::Map<Rows> &data;
    int (*stop)(void *);
    void *cookie;
};

Axes few_dimensions(const Eigen::Map<Rows> &data, int (*stop)(void *), void *cookie)
{
    Eigen::MatrixXd covariance = Eigen::MatrixXd::Zero(data.cols(), data.cols());
    for (Eigen::Index row = 0; row < data.rows(); row += BLOCK) {
        ask(stop, cookie);
        const Eigen::MatrixXd block =
            data.middleRows(row, std::min<Eigen::Index>(BLOCK, data.rows() - row)).cast<double>();
        covariance += block.transpose() * block;
    }
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance);
    Axes axes = Axes::Zero(data.cols(), 2);
    // They come with the least first.
    for (Eigen::Index i = 0; i < std::min<Eigen::Index>(2, data.cols()); i++)
        axes.col(i) = solver.eigenvectors().col(data.cols() - 1 - i);
    return axes;
}

Axes many_dimensions(const Eigen::Map<Rows> &data, int (*stop)(void *), void *cookie)
{
    Covariance covariance(data, stop, cookie);
    Spectra::SymEigsSolver<Covariance> solver(covariance, 2, BREADTH);
    // What differs as noise does has no directions that stand out: any of the largest will do.
    for (double tolerance : { 1e-4, 1.0 }) {
        solver.init();
        if (solver.compute(Spectra::SortRule::LargestAlge, RESTARTS, tolerance) == 2)
            break;
    }
    Axes axes = Axes::Zero(data.cols(), 2);
    const Eigen::MatrixXd found = solver.eigenvectors(2);
    axes.leftCols(found.cols()) = found;
    return axes;
}

void project(float *places, float *vectors, size_t count, size_t dim, int (*stop)(void *),
             void *cookie)
{
    typedef Eigen::Matrix<float, Eigen::Dynamic, 2, Eigen::RowMajor> Places;
    const auto height = static_cast<Eigen::Index>(count), width = static_cast<Eigen::Index>(dim);
    Eigen::Map<Rows> data(vectors, height, width);
    Eigen::Map<Places> out(places, height, 2);
    out.setZero();
    if (count < 2)
        return;
    const Eigen::RowVectorXf mean =
        (data.cast<double>().colwise().sum() / static_cast<double>(height)).cast<float>();
    data.rowwise() -= mean;
    // Of vectors that are all the same rounding may leave something.
    if (data.squaredNorm() < 1e-12F * static_cast<float>(count))
        return;
    const Axes axes =
        dim <= BREADTH ? few_dimensions(data, stop, cookie) : many_dimensions(data, stop, cookie);
    out.noalias() = data * axes.cast<float>();
}

} // namespace

int plo_plane_project(float *places, float *vectors, size_t count, size_t dim,
                      int (*stop)(void *cookie), void *cookie, struct pipilo_error *err)
{
    try {
        project(places, vectors, count, dim, stop, cookie);
        return 0;
    } catch (const Stopped &) {
        return plo_fail(err, PIPILO_ECANCELED, "the map was stopped");
    } catch (const std::bad_alloc &) {
        return plo_fail_nomem(err, 0);
    } catch (const std::exception &error) {
        return plo_fail(err, PIPILO_EINTERNAL, "no map can be made: %s", error.what());
    }
}
