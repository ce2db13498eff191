// An outstation of opendnp3 that obeys lines on its standard input and answers each with one line.
//
//   outstation PORT ANALOGS LINK_CONFIRMS UNSOLICITED EVENTS CONFIRM_MS
//
//   set KIND INDEX VALUE FLAGS TIME_MS    analog binary double counter frozen binary_output analog_output; an event
//   burst N TIME_MS                       N events of binaries 0 to 9, one a millisecond from TIME_MS
//   need 0|1 · trouble 0|1                indications the application owns
//   time                                  "time MS COUNT": what the clock was last set to, and how often
//   restart                               raises IIN 1.7
#include <asiodnp3/ConsoleLogger.h>
#include <asiodnp3/DNP3Manager.h>
#include <asiodnp3/UpdateBuilder.h>
#include <opendnp3/LogLevels.h>
#include <opendnp3/outstation/IOutstationApplication.h>
#include <opendnp3/outstation/SimpleCommandHandler.h>

#include <atomic>
#include <iostream>
#include <sstream>
#include <string>

using namespace asiodnp3;
using namespace opendnp3;
using namespace openpal;

struct Application : IOutstationApplication {
    std::atomic<bool> need{false}, trouble{false};
    std::atomic<long long> set_to{0}, times{0};

    bool SupportsWriteAbsoluteTime() override { return true; }
    bool WriteAbsoluteTime(const UTCTimestamp& stamp) override {
        set_to = stamp.msSinceEpoch;
        times++;
        need = false;
        return true;
    }
    ApplicationIIN GetApplicationIIN() const override {
        ApplicationIIN found;
        found.needTime = need;
        found.deviceTrouble = trouble;
        return found;
    }
};

static void set(UpdateBuilder& to, const std::string& kind, int index, double value, int flags, long long ms) {
    DNPTime time(ms);
    auto mode = EventMode::Force;
    if (kind == "analog") to.Update(Analog(value, flags, time), index, mode);
    if (kind == "binary") to.Update(Binary(value != 0, flags, time), index, mode);
    if (kind == "double") to.Update(DoubleBitBinary(static_cast<DoubleBit>(int(value)), flags, time), index, mode);
    if (kind == "counter") to.Update(Counter(uint32_t(value), flags, time), index, mode);
    if (kind == "frozen") to.Update(FrozenCounter(uint32_t(value), flags, time), index, mode);
    if (kind == "binary_output") to.Update(BinaryOutputStatus(value != 0, flags, time), index, mode);
    if (kind == "analog_output") to.Update(AnalogOutputStatus(value, flags, time), index, mode);
}

int main(int, char** args) {
    int port = atoi(args[1]), analogs = atoi(args[2]), events = atoi(args[5]), confirm_ms = atoi(args[6]);
    DNP3Manager manager(1);
    auto channel = manager.AddTCPServer("server", levels::NOTHING, asiopal::ChannelRetry::Default(), "127.0.0.1", port, nullptr);
    OutstationStackConfig config(DatabaseSizes(10, 10, analogs, 10, 10, 10, 10, 0));
    config.outstation.eventBufferConfig = EventBufferConfig::AllTypes(events);
    config.outstation.params.allowUnsolicited = atoi(args[4]);
    config.link.LocalAddr = 10;
    config.link.RemoteAddr = 1;
    config.link.UseConfirms = atoi(args[3]);
    // a confirm that comes within 0.1 ms, before the end of its own write, escapes opendnp3 2.2: let it ask again soon
    auto confirm = TimeDuration::Milliseconds(confirm_ms);
    config.outstation.params.solConfirmTimeout = confirm;
    config.outstation.params.unsolConfirmTimeout = confirm;
    config.outstation.params.unsolRetryTimeout = confirm;
    for (int i = 0; i < analogs; i++) {
        config.dbConfig.analog[i].clazz = PointClass::Class2;
        config.dbConfig.analog[i].svariation = StaticAnalogVariation::Group30Var5;
        config.dbConfig.analog[i].evariation = EventAnalogVariation::Group32Var7;
    }
    for (int i = 0; i < 10; i++) {
        config.dbConfig.binary[i].evariation = i < 5 ? EventBinaryVariation::Group2Var2 : EventBinaryVariation::Group2Var3;
        config.dbConfig.doubleBinary[i].evariation = EventDoubleBinaryVariation::Group4Var3;
        config.dbConfig.counter[i].evariation = EventCounterVariation::Group22Var5;
        config.dbConfig.frozenCounter[i].evariation = EventFrozenCounterVariation::Group23Var5;
        config.dbConfig.aoStatus[i].evariation = EventAnalogOutputStatusVariation::Group42Var8;
    }
    auto application = std::make_shared<Application>();
    auto outstation = channel->AddOutstation("outstation", SuccessCommandHandler::Create(), application, config);
    UpdateBuilder first;
    for (int i = 0; i < analogs; i++) first.Update(Analog(i * 1.5, 1), i, EventMode::Suppress);
    for (int i = 0; i < 10; i++) {
        first.Update(Binary(i % 2, 1), i, EventMode::Suppress);
        first.Update(DoubleBitBinary(static_cast<DoubleBit>(i % 4), 1), i, EventMode::Suppress);
        first.Update(Counter(i * 1000, 1), i, EventMode::Suppress);
        first.Update(FrozenCounter(i * 100, 1), i, EventMode::Suppress);
        first.Update(BinaryOutputStatus(i % 2, 1), i, EventMode::Suppress);
        first.Update(AnalogOutputStatus(i * 0.5, 1), i, EventMode::Suppress);
    }
    outstation->Apply(first.Build());
    outstation->Enable();
    std::cout << "ready" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string word, kind;
        long long number = 0, ms = 0;
        words >> word;
        UpdateBuilder builder;
        if (word == "set") {
            int index, flags;
            double value;
            words >> kind >> index >> value >> flags >> ms;
            set(builder, kind, index, value, flags, ms);
        } else if (word == "burst") {
            words >> number >> ms;
            for (int i = 0; i < number; i++) set(builder, "binary", i % 10, (i / 10) % 2, 1, ms + i);
        } else if (word == "need" || word == "trouble") {
            words >> number;
            (word == "need" ? application->need : application->trouble) = number;
        } else if (word == "restart") {
            outstation->SetRestartIIN();
        } else if (word == "time") {
            std::cout << "time " << application->set_to << " " << application->times << std::endl;
            continue;
        }
        outstation->Apply(builder.Build());
        std::cout << "ok" << std::endl;
    }
}
