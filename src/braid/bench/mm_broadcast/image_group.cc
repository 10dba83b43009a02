#include "braid/bench/mm_broadcast/image_group.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <utility>

#include "braid/base/clock.h"
#include "braid/bench/mm_broadcast/bench_image_maker.h"
#include "braid/multimodal/image_header.h"
#include "braid/multimodal/image_key.h"
#include "braid/worker/image_receiver.h"
#include "braid/worker/image_sender.h"

namespace braid::mm_broadcast {
namespace {

constexpr int kRestMs = 1000;  // of the publisher at most, between rounds in which nothing happens
constexpr unsigned kTimeoutS = 600;

// Of one process, in memory that all share.
struct ProcessRun {
  bool is_done = false;
  double total_s = 0;
  double send_s = 0;
  double take_s = 0;
  int64_t num_broadcasts = 0;
  int64_t num_bytes = 0;
  int64_t num_made = 0;
};

// What goes before a round's messages.
struct RoundHead {
  uint64_t num_messages = 0;
  ImageReport report;
  bool is_last = false;
};

// A socket to another process, or nothing can be sent any more: then this process ends.
class Peer {
 public:
  explicit Peer(int socket) : socket_(socket) {}

  template <typename T>
  void send_value(const T& value) const {
    send(std::as_bytes(std::span(&value, 1)));
  }
  template <typename T>
  T receive_value() const {
    T value;
    receive(std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  void send(std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0 && errno != EINTR) _exit(1);
      bytes = bytes.subspan(static_cast<size_t>(std::max<ssize_t>(count, 0)));
    }
  }
  void receive(std::span<std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = recv(socket_, bytes.data(), bytes.size(), 0);
      if (count == 0 || (count < 0 && errno != EINTR)) _exit(1);
      bytes = bytes.subspan(static_cast<size_t>(std::max<ssize_t>(count, 0)));
    }
  }

 private:
  int socket_;
};

class GroupProcess {
 public:
  // `made`: an eventfd of all processes, which wakes the publisher.
  GroupProcess(const GroupCase& group, int32_t process, int made, std::vector<std::optional<Peer>> peers,
               ProcessRun& run)
      : made_(made),
        peers_(std::move(peers)),
        run_(run),
        hidden_(group.hidden),
        maker_(std::make_shared<BenchImageMaker>(group.make_s, group.hidden)),
        store_(maker_, {.num_preparing = group.num_threads, .is_shared = true}) {
    const std::vector<int32_t> hosts(static_cast<size_t>(group.num_processes), 0);
    const ImageCarrierOptions options{.broadcast = group.broadcast, .hidden = hidden_, .max_tokens = kMaxTokens};
    if (process == 0) {
      sender_.emplace(store_, options, ImageProcesses{.hosts = hosts});
      sender_->on_made([made] { eventfd_write(made, 1); });
    } else {
      receiver_.emplace(store_, process);
      receiver_->on_made([made] { eventfd_write(made, 1); });
    }
  }

  void work(const std::vector<RequestImage>& images) {
    const double start_s = monotonic_seconds();
    if (sender_) {
      for (size_t i = 0; i < images.size(); ++i) sender_->want(static_cast<RequestId>(i), std::span(&images[i], 1));
    }
    size_t num_ready = 0;  // requests before this one have their images
    while (true) {
      while (sender_ && num_ready < images.size() && sender_->state(static_cast<RequestId>(num_ready))) ++num_ready;
      const bool is_last = sender_ && num_ready == images.size();
      if (is_last) run_.total_s = monotonic_seconds() - start_s;
      if (round(is_last)) break;
    }
    run_.num_made = maker_->num_made();
    run_.is_done = store_.counts().num_failures == 0;
  }

 private:
  static constexpr int64_t kMaxTokens = 16'384;

  // The publisher begins it. True in the last one.
  bool round(bool is_last) {
    bool has_news = false;
    if (receiver_) is_last = receive(0, has_news);
    send(is_last, has_news);
    for (size_t from = sender_ ? 0 : 1; from < peers_.size(); ++from) {
      if (peers_[from]) receive(from, has_news);
    }
    if (!sender_ || has_news || is_last) return is_last;
    pollfd made{.fd = made_, .events = POLLIN, .revents = 0};
    eventfd_t count = 0;
    if (poll(&made, 1, kRestMs) > 0) eventfd_read(made_, &count);
    return false;
  }

  void send(bool is_last, bool& has_news) {
    const std::vector<PlanImages> messages = sender_ ? sender_->take_messages() : receiver_->take_messages();
    const double start_s = monotonic_seconds();
    std::vector<std::vector<std::byte>> sent;
    for (const PlanImages& message : messages) {
      sent.push_back(encode_for(message, true));
      run_.num_broadcasts += message.num_images() > 0 ? 1 : 0;
      run_.num_bytes += std::ssize(sent.back());
    }
    const RoundHead head{
        .num_messages = sent.size(), .report = receiver_ ? receiver_->report() : ImageReport(), .is_last = is_last};
    for (const auto& peer : peers_) {
      if (!peer) continue;
      peer->send_value(head);
      for (const auto& bytes : sent) {
        peer->send_value(uint64_t{bytes.size()});
        peer->send(bytes);
      }
    }
    if (!sent.empty()) run_.send_s += monotonic_seconds() - start_s;
    has_news = has_news || !sent.empty();
  }

  bool receive(size_t from, bool& has_news) {
    const auto head = peers_[from]->receive_value<RoundHead>();
    for (uint64_t i = 0; i < head.num_messages; ++i) take(from);
    has_news = has_news || head.num_messages > 0;
    if (sender_) {
      sender_->see(static_cast<int32_t>(from), head.report);
      has_news = has_news || std::exchange(num_settled_[from], head.report.num_settled) != head.report.num_settled;
    }
    return head.is_last;
  }

  void take(size_t from) {
    const auto num_bytes = peers_[from]->receive_value<uint64_t>();
    const double start_s = monotonic_seconds();
    std::vector<std::byte> bytes(num_bytes);
    peers_[from]->receive(bytes);
    const auto message = decode_plan_images(bytes, hidden_, kMaxTokens);
    if (!message.ok()) _exit(1);
    if (sender_) {
      sender_->take_made(*message);
    } else if (from == 0) {
      receiver_->take(*message);
    } else {
      receiver_->take_made(*message);
    }
    run_.take_s += monotonic_seconds() - start_s;
  }

  const int made_;
  const std::vector<std::optional<Peer>> peers_;
  ProcessRun& run_;
  const int32_t hidden_;
  const std::shared_ptr<BenchImageMaker> maker_;
  ImageStore store_;
  std::optional<ImageSender> sender_;
  std::optional<ImageReceiver> receiver_;
  std::vector<uint64_t> num_settled_ = std::vector<uint64_t>(peers_.size());
};

std::vector<RequestImage> requests_of(const std::vector<std::string>& images) {
  std::vector<RequestImage> requests;
  for (const std::string& image : images) {
    RequestImage& request = requests.emplace_back();
    request.bytes = std::make_shared<const std::string>(image);
    request.span = {.key = image_key(bytes_of_image(image), BenchImageMaker::processor()),
                    .grid = {.rows = 22, .cols = 35}};
  }
  return requests;
}

// Sockets between all processes: [own][other].
class Mesh {
 public:
  static Result<Mesh> make(int32_t num_processes) {
    Mesh mesh;
    mesh.sockets_.assign(static_cast<size_t>(num_processes), std::vector<int>(static_cast<size_t>(num_processes), -1));
    for (size_t i = 0; i < mesh.sockets_.size(); ++i) {
      for (size_t j = i + 1; j < mesh.sockets_.size(); ++j) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
          return fail("no sockets for processes: {}", std::strerror(errno));
        }
        mesh.sockets_[i][j] = pair[0];
        mesh.sockets_[j][i] = pair[1];
      }
    }
    return mesh;
  }
  Mesh(Mesh&&) = default;
  Mesh& operator=(Mesh&&) = delete;
  ~Mesh() { close_all_but(sockets_.size()); }

  // In a process of the group.
  std::vector<std::optional<Peer>> peers_of(int32_t process) {
    close_all_but(static_cast<size_t>(process));
    std::vector<std::optional<Peer>> peers(sockets_.size());
    const std::vector<int>& own = sockets_[static_cast<size_t>(process)];
    for (size_t i = 0; i < own.size(); ++i) {
      if (own[i] >= 0) peers[i].emplace(own[i]);
    }
    return peers;
  }
  void close_all_but(size_t process) {
    for (size_t i = 0; i < sockets_.size(); ++i) {
      for (int& socket : sockets_[i]) {
        if (i != process && socket >= 0) close(std::exchange(socket, -1));
      }
    }
  }

 private:
  Mesh() = default;

  std::vector<std::vector<int>> sockets_;
};

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

}  // namespace

Result<GroupRun> run_group(const GroupCase& group, const std::vector<std::string>& images) {
  const std::vector<RequestImage> requests = requests_of(images);
  const auto num_processes = static_cast<size_t>(group.num_processes);
  const size_t shared_bytes = num_processes * sizeof(ProcessRun);
  void* const shared = mmap(nullptr, shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return fail("no shared memory: {}", std::strerror(errno));
  const std::span runs(new (shared) ProcessRun[num_processes], num_processes);
  TRY(Mesh mesh, Mesh::make(group.num_processes));
  const int made = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (made < 0) return fail("no eventfd: {}", std::strerror(errno));
  std::vector<pid_t> children;
  const pid_t parent = getpid();
  for (int32_t process = 0; process < group.num_processes; ++process) {
    const pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);
      alarm(kTimeoutS);
      GroupProcess(group, process, made, mesh.peers_of(process), runs[static_cast<size_t>(process)]).work(requests);
      _exit(0);
    }
    if (pid > 0) children.push_back(pid);
  }
  mesh.close_all_but(num_processes);
  GroupRun result;
  bool is_done = children.size() == num_processes;
  for (const pid_t child : children) {
    int status = 0;
    rusage usage = {};
    if (!is_done) kill(child, SIGKILL);
    is_done = wait4(child, &status, 0, &usage) == child && status == 0 && is_done;
    result.cpu_s += seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  }
  for (const ProcessRun& run : runs) {
    is_done = is_done && run.is_done;
    result.total_s = std::max(result.total_s, run.total_s);
    result.broadcast_s = std::max(result.broadcast_s, run.take_s);
    result.num_broadcasts += run.num_broadcasts;
    result.num_bytes += run.num_bytes;
    result.num_made += run.num_made;
  }
  result.broadcast_s += std::ranges::max(runs, {}, &ProcessRun::send_s).send_s;
  close(made);
  munmap(shared, shared_bytes);
  if (!is_done) return fail("a process of the group has failed");
  return result;
}

}  // namespace braid::mm_broadcast
